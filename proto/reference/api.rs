//! The API as its reference shows it: services, messages and enums with their comments.

use std::collections::HashMap;

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

// Field numbers of descriptor.proto, of which the path of a comment is made.
const FILE_MESSAGES: i32 = 4;
const FILE_ENUMS: i32 = 5;
const FILE_SERVICES: i32 = 6;
const MESSAGE_FIELDS: i32 = 2;
const MESSAGE_MESSAGES: i32 = 3;
const MESSAGE_ENUMS: i32 = 4;
const MESSAGE_ONEOFS: i32 = 8;
const ENUM_VALUES: i32 = 2;
const SERVICE_METHODS: i32 = 2;

/// All of a package.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) services: Vec<Service>,
    pub(crate) messages: Vec<Message>,
    pub(crate) enums: Vec<Enum>,
}

/// A service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) methods: Vec<Method>,
}

/// An RPC; `request` and `response` are names of messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Method {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) request: String,
    pub(crate) response: String,
}

/// A message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) oneofs: Vec<Oneof>,
}

/// A group of fields of which one is set; `fields` are their names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Oneof {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) fields: Vec<String>,
}

/// A field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) number: i32,
    /// A scalar's word, or the name of a message or an enum.
    pub(crate) kind: String,
    pub(crate) repeated: bool,
    pub(crate) optional: bool,
    pub(crate) comment: String,
}

/// An enum.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Enum {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) values: Vec<Value>,
}

/// A value of an enum.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) name: String,
    pub(crate) number: i32,
    pub(crate) comment: String,
}

/// Reads a package. The error lists everything that has no comment.
pub(crate) fn read(descriptors: &FileDescriptorSet, package: &str) -> Result<Api, Vec<String>> {
    let mut api = Api::default();
    let mut undocumented = Vec::new();
    for file in descriptors.file.iter().filter(|file| file.package() == package) {
        let mut reader = Reader::new(file, package);
        reader.file(file, &mut api);
        undocumented.append(&mut reader.undocumented);
    }
    if undocumented.is_empty() { Ok(api) } else { Err(undocumented) }
}

/// Reads one file.
struct Reader {
    prefix: String,
    comments: HashMap<Vec<i32>, String>,
    undocumented: Vec<String>,
}

impl Reader {
    fn new(file: &FileDescriptorProto, package: &str) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let comments = locations
            .filter(|location| !location.leading_comments().trim().is_empty())
            .map(|location| (location.path.clone(), text(location.leading_comments())))
            .collect();
        Self { prefix: format!(".{package}."), comments, undocumented: Vec::new() }
    }

    fn file(&mut self, file: &FileDescriptorProto, api: &mut Api) {
        for (index, service) in numbered(&file.service) {
            api.services.push(self.service(service, &[FILE_SERVICES, index]));
        }
        for (index, message) in numbered(&file.message_type) {
            self.message(message, "", &[FILE_MESSAGES, index], api);
        }
        for (index, found) in numbered(&file.enum_type) {
            api.enums.push(self.enumeration(found, "", &[FILE_ENUMS, index]));
        }
    }

    fn service(&mut self, service: &ServiceDescriptorProto, path: &[i32]) -> Service {
        let name = service.name().to_owned();
        let methods = numbered(&service.method)
            .map(|(index, method)| Method {
                name: method.name().to_owned(),
                comment: self.comment(&format!("{name}.{}", method.name()), path, &[SERVICE_METHODS, index]),
                request: self.local(method.input_type()),
                response: self.local(method.output_type()),
            })
            .collect();
        Service { comment: self.comment(&name, path, &[]), name, methods }
    }

    fn message(&mut self, message: &DescriptorProto, outer: &str, path: &[i32], api: &mut Api) {
        let name = format!("{outer}{}", message.name());
        let fields = numbered(&message.field)
            .map(|(index, field)| Field {
                name: field.name().to_owned(),
                number: field.number(),
                kind: self.kind(field),
                repeated: field.label() == Label::Repeated,
                optional: field.proto3_optional(),
                comment: self.comment(&format!("{name}.{}", field.name()), path, &[MESSAGE_FIELDS, index]),
            })
            .collect();
        let oneofs = numbered(&message.oneof_decl)
            .filter_map(|(index, oneof)| {
                let members: Vec<String> = message
                    .field
                    .iter()
                    .filter(|field| field.oneof_index == Some(index) && !field.proto3_optional())
                    .map(|field| field.name().to_owned())
                    .collect();
                // The compiler makes a group of its own for each optional field.
                (!members.is_empty()).then(|| Oneof {
                    name: oneof.name().to_owned(),
                    comment: self.comment(
                        &format!("{name}.{}", oneof.name()),
                        path,
                        &[MESSAGE_ONEOFS, index],
                    ),
                    fields: members,
                })
            })
            .collect();
        let comment = self.comment(&name, path, &[]);
        let inner = format!("{name}.");
        api.messages.push(Message { name, comment, fields, oneofs });
        for (index, nested) in numbered(&message.nested_type) {
            self.message(nested, &inner, &[path, &[MESSAGE_MESSAGES, index]].concat(), api);
        }
        for (index, nested) in numbered(&message.enum_type) {
            let nested = self.enumeration(nested, &inner, &[path, &[MESSAGE_ENUMS, index]].concat());
            api.enums.push(nested);
        }
    }

    fn enumeration(&mut self, found: &EnumDescriptorProto, outer: &str, path: &[i32]) -> Enum {
        let name = format!("{outer}{}", found.name());
        let values = numbered(&found.value)
            .map(|(index, value)| Value {
                name: value.name().to_owned(),
                number: value.number(),
                comment: self.comment(value.name(), path, &[ENUM_VALUES, index]),
            })
            .collect();
        Enum { comment: self.comment(&name, path, &[]), name, values }
    }

    /// The comment at a path; notes that `name` has none.
    fn comment(&mut self, name: &str, path: &[i32], rest: &[i32]) -> String {
        self.comments.get(&[path, rest].concat()).cloned().unwrap_or_else(|| {
            self.undocumented.push(name.to_owned());
            String::new()
        })
    }

    fn kind(&self, field: &FieldDescriptorProto) -> String {
        match field.r#type() {
            Type::Message | Type::Enum | Type::Group => self.local(field.type_name()),
            scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
        }
    }

    /// A type's name without the package, or with it for another package's.
    fn local(&self, name: &str) -> String {
        name.strip_prefix(&self.prefix).unwrap_or_else(|| name.trim_start_matches('.')).to_owned()
    }
}

fn numbered<T>(items: &[T]) -> impl Iterator<Item = (i32, &T)> {
    (0..).zip(items)
}

/// A comment without the space after its slashes.
fn text(comment: &str) -> String {
    let lines: Vec<&str> =
        comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use leadcapture_proto::FILE_DESCRIPTOR_SET;
    use prost::Message as _;

    use super::*;

    fn descriptors() -> FileDescriptorSet {
        FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap()
    }

    /// Takes the comment at a path of a file away.
    fn without(file_name: &str, path: &[i32]) -> Result<Api, Vec<String>> {
        let mut descriptors = descriptors();
        let file = descriptors.file.iter_mut().find(|file| file.name().ends_with(file_name)).unwrap();
        let locations = &mut file.source_code_info.as_mut().unwrap().location;
        let location = locations.iter_mut().find(|location| location.path == path).unwrap();
        assert!(location.leading_comments.take().is_some());
        read(&descriptors, "leadcapture.v1")
    }

    #[test]
    fn reads_every_kind_of_thing() {
        let api = read(&descriptors(), "leadcapture.v1").unwrap();
        let leads = api.services.iter().find(|service| service.name == "LeadService").unwrap();
        assert!(leads.methods.iter().any(|method| method.name == "CaptureLead"
            && method.request == "CaptureLeadRequest"
            && method.comment.starts_with("Captures a customer")));
        let lead = api.messages.iter().find(|message| message.name == "Lead").unwrap();
        let name = lead.fields.iter().find(|field| field.name == "customer_name").unwrap();
        assert!(name.optional && !name.repeated && name.kind == "string" && name.number == 6);
        assert!(lead.oneofs.is_empty());
        let get = api.messages.iter().find(|message| message.name == "GetConversationRequest").unwrap();
        assert_eq!(get.oneofs[0].fields, ["id", "lead_id", "whatsapp_conversation_id"]);
        assert!(api.enums.iter().any(|found| found.name == "LeadStatus" && found.values.len() == 8));
    }

    #[test]
    fn names_what_has_no_comment() {
        assert_eq!(
            without("/lead.proto", &[FILE_MESSAGES, 0, MESSAGE_FIELDS, 0]),
            Err(vec!["Lead.id".into()])
        );
        assert_eq!(
            without("/lead.proto", &[FILE_ENUMS, 0, ENUM_VALUES, 1]),
            Err(vec!["LEAD_SOURCE_MISSED_CALL".into()])
        );
        assert_eq!(
            without("/lead_service.proto", &[FILE_SERVICES, 0, SERVICE_METHODS, 0]),
            Err(vec!["LeadService.CaptureLead".into()])
        );
        assert_eq!(without("/lead_service.proto", &[FILE_SERVICES, 0]), Err(vec!["LeadService".into()]));
    }
}
