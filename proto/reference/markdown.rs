//! The reference as a Markdown page.

use std::{collections::HashSet, fmt::Write as _};

use crate::api::{Api, Enum, Message, Method, Service};

const INTRODUCTION: &str = "\
# API reference

Package `leadcapture.v1`. Made from the comments in [`proto/leadcapture/v1`](../proto/leadcapture/v1) by `make api-docs`; change them
there.

Every failed call carries a reason: [errors](errors.md). How to connect, and which calls may be sent again: [clients](clients.md).

";

/// Renders the whole page: RPCs with their requests and responses, then the messages they share, then the enums.
pub(crate) fn render(api: &Api) -> String {
    let page = Page { api, known: known(api) };
    let own: HashSet<&str> = api
        .services
        .iter()
        .flat_map(|service| &service.methods)
        .flat_map(|method| [method.request.as_str(), method.response.as_str()])
        .collect();

    let mut out = INTRODUCTION.to_owned();
    for service in &api.services {
        let _ = writeln!(out, "- [{0}]({1})", service.name, anchor(&service.name));
        for method in &service.methods {
            let _ = writeln!(out, "  - [{0}]({1})", method.name, anchor(&method.name));
        }
    }
    out.push_str("- [Messages](#messages)\n- [Enums](#enums)\n");

    for service in &api.services {
        page.service(service, &mut out);
    }
    out.push_str("\n## Messages\n");
    for message in api.messages.iter().filter(|message| !own.contains(message.name.as_str())) {
        page.message(message, 3, &mut out);
    }
    out.push_str("\n## Enums\n");
    for found in &api.enums {
        enumeration(found, &mut out);
    }
    out
}

/// The names that a type may link to.
fn known(api: &Api) -> HashSet<&str> {
    let messages = api.messages.iter().map(|message| message.name.as_str());
    messages.chain(api.enums.iter().map(|found| found.name.as_str())).collect()
}

struct Page<'a> {
    api: &'a Api,
    known: HashSet<&'a str>,
}

impl Page<'_> {
    fn service(&self, service: &Service, out: &mut String) {
        let _ = write!(out, "\n## {}\n\n{}\n", service.name, service.comment);
        for method in &service.methods {
            self.method(method, out);
        }
    }

    fn method(&self, method: &Method, out: &mut String) {
        let _ = write!(out, "\n### {}\n\n{}\n", method.name, method.comment);
        for name in [&method.request, &method.response] {
            if let Some(message) = self.api.messages.iter().find(|message| message.name == *name) {
                self.message(message, 4, out);
            }
        }
    }

    fn message(&self, message: &Message, level: usize, out: &mut String) {
        let _ = write!(out, "\n{} {}\n\n{}\n", "#".repeat(level), message.name, message.comment);
        for oneof in &message.oneofs {
            let fields: Vec<String> = oneof.fields.iter().map(|field| format!("`{field}`")).collect();
            let _ = write!(
                out,
                "\n{} (`{}`): {}.\n",
                fields.join(" or "),
                oneof.name,
                cell(&oneof.comment).trim_end_matches('.')
            );
        }
        if message.fields.is_empty() {
            out.push_str("\nNo fields.\n");
            return;
        }
        out.push_str("\n| Field | No. | Type | Meaning |\n|---|---|---|---|\n");
        for field in &message.fields {
            let word = match (field.repeated, field.optional) {
                (true, _) => "repeated ",
                (_, true) => "optional ",
                _ => "",
            };
            let kind = self.kind(&field.kind);
            let _ = writeln!(
                out,
                "| `{}` | {} | {word}{kind} | {} |",
                field.name,
                field.number,
                cell(&field.comment)
            );
        }
    }

    fn kind(&self, name: &str) -> String {
        if self.known.contains(name) {
            return format!("[{name}]({})", anchor(name));
        }
        match name.strip_prefix("google.protobuf.") {
            Some(known) => format!(
                "[{known}](https://protobuf.dev/reference/protobuf/google.protobuf/#{})",
                known.replace("FieldMask", "field-mask").to_lowercase()
            ),
            None => name.to_owned(),
        }
    }
}

fn enumeration(found: &Enum, out: &mut String) {
    let _ = write!(out, "\n### {}\n\n{}\n", found.name, found.comment);
    out.push_str("\n| Value | No. | Meaning |\n|---|---|---|\n");
    for value in &found.values {
        let _ = writeln!(out, "| `{}` | {} | {} |", value.name, value.number, cell(&value.comment));
    }
}

/// Where a heading is found on the page.
fn anchor(heading: &str) -> String {
    format!("#{}", heading.to_lowercase().replace('.', ""))
}

/// A comment in one cell of a table.
fn cell(comment: &str) -> String {
    let paragraphs: Vec<String> =
        comment.split("\n\n").map(|paragraph| paragraph.replace('\n', " ").replace('|', "\\|")).collect();
    paragraphs.join("<br>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Field, Oneof, Value};

    fn field(name: &str, kind: &str, comment: &str) -> Field {
        Field {
            name: name.into(),
            number: 1,
            kind: kind.into(),
            repeated: false,
            optional: false,
            comment: comment.into(),
        }
    }

    #[test]
    fn a_page_has_requests_beside_their_rpc_and_links_to_the_rest() {
        let message = |name: &str, fields| Message {
            name: name.into(),
            comment: "A message.".into(),
            fields,
            oneofs: vec![],
        };
        let api = Api {
            services: vec![Service {
                name: "LeadService".into(),
                comment: "Leads.".into(),
                methods: vec![Method {
                    name: "GetLead".into(),
                    comment: "Gets one.".into(),
                    request: "GetLeadRequest".into(),
                    response: "GetLeadResponse".into(),
                }],
            }],
            messages: vec![
                Message {
                    oneofs: vec![Oneof {
                        name: "by".into(),
                        comment: "How.\nExactly one.".into(),
                        fields: vec!["id".into(), "phone".into()],
                    }],
                    ..message("GetLeadRequest", vec![field("id", "string", "This | that.\nMore.")])
                },
                message("GetLeadResponse", vec![field("lead", "Lead", "The lead.")]),
                message("Lead", vec![field("at", "google.protobuf.Timestamp", "When.\n\nUTC.")]),
                message("Nothing", vec![]),
            ],
            enums: vec![Enum {
                name: "LeadStatus".into(),
                comment: "Where.".into(),
                values: vec![Value { name: "NEW".into(), number: 1, comment: "New.".into() }],
            }],
        };
        let page = render(&api);
        let rpc = page.find("\n### GetLead\n\nGets one.\n").unwrap();
        let request = page.find("\n#### GetLeadRequest\n").unwrap();
        let messages = page.find("\n## Messages\n").unwrap();
        let lead = page.find("\n### Lead\n").unwrap();
        assert!(rpc < request && request < messages && messages < lead);
        assert!(page.contains("\n`id` or `phone` (`by`): How. Exactly one.\n"));
        assert!(page.contains("\n| `id` | 1 | string | This \\| that. More. |\n"));
        assert!(page.contains("\n| `lead` | 1 | [Lead](#lead) | The lead. |\n"));
        assert!(page.contains("| [Timestamp](https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp) | When.<br>UTC. |"));
        assert!(page.contains("\nNo fields.\n"));
        assert!(page.contains("\n| `NEW` | 1 | New. |\n"));
    }
}
