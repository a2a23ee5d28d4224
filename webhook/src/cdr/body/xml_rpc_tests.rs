//! XML-RPC values and plain XML.

use serde_json::json;

use super::{super::xml::parse, *};

fn records(document: &str) -> Vec<Result<Record, String>> {
    let records = shape(parse(document).unwrap()).records().unwrap();
    records.into_iter().map(|record| record.map_err(|problem| problem.to_string())).collect()
}

fn only(document: &str) -> Record {
    let mut records = records(document);
    assert_eq!(records.len(), 1, "{document}");
    records.remove(0).unwrap()
}

fn call(parameters: &str) -> String {
    format!("<methodCall><methodName>cdr</methodName><params>{parameters}</params></methodCall>")
}

fn structure(members: &str) -> String {
    format!("<value><struct>{members}</struct></value>")
}

fn parameter(value: &str) -> String {
    format!("<param>{value}</param>")
}

#[test]
fn every_type_has_its_value() {
    for (value, expected) in [
        ("untyped", json!("untyped")),
        ("", json!("")),
        ("<string>a &amp; b</string>", json!("a & b")),
        ("<string/>", json!("")),
        ("\n <int> 5 </int>\n", json!(5)),
        ("<i4>-5</i4>", json!(-5)),
        ("<i8>9007199254740993</i8>", json!("9007199254740993")),
        ("<ex:i8 xmlns:ex='x'>7</ex:i8>", json!(7)),
        ("<int>soon</int>", json!("soon")),
        ("<boolean>1</boolean>", json!(true)),
        ("<boolean>false</boolean>", json!(false)),
        ("<boolean>2</boolean>", json!("2")),
        ("<double>1.5</double>", json!(1.5)),
        ("<double>1e999</double>", json!("1e999")),
        ("<nil/>", json!(null)),
        ("<ex:nil/>", json!(null)),
        ("<dateTime.iso8601>20260127T11:10:00</dateTime.iso8601>", json!("20260127T11:10:00")),
        ("<base64>YQ==</base64>", json!("YQ==")),
        ("<array><data><value><int>1</int></value><value>a</value></data></array>", json!([1, "a"])),
        ("<struct><member><name>a</name><value>1</value></member></struct>", json!({"a": "1"})),
    ] {
        let holder = parse(&format!("<value>{value}</value>")).unwrap();
        assert_eq!(super::value(&holder), expected, "{value}");
    }
}

#[test]
fn the_record_is_a_struct_in_any_wrapping() {
    let record = structure("<member><name> CallID </name><value>a</value></member>");
    let text = "<value><string>{\"CallID\":\"a\"}</string></value>";
    let list = format!("<value><array><data>{record}</data></array></value>");
    for document in [
        call(&parameter(&record)),
        call(&parameter(text)),
        call(&parameter(&list)),
        call(&format!("{}{}", parameter("<value>key</value>"), parameter(&record))),
        format!("<params>{}</params>", parameter(&record)),
        record.clone(),
        record.replace("<value><struct>", "<struct>").replace("</struct></value>", "</struct>"),
        "<cdr><CallID>a</CallID></cdr>".to_owned(),
        "<cdrs><cdr><CallID>a</CallID></cdr></cdrs>".to_owned(),
        "<string xmlns='http://tempuri.org/'>{\"CallID\":\"a\"}</string>".to_owned(),
    ] {
        assert_eq!(only(&document).text(&["CallID"]).as_deref(), Some("a"), "{document}");
    }
    let both = call(&format!("{}{}", parameter(&record), parameter(&record)));
    assert_eq!(records(&both).len(), 2);
    assert_eq!(records("<l><r><a>1</a></r><r><a>2</a></r></l>").len(), 2);
}

#[test]
fn what_is_no_record_is_told() {
    for (document, expected) in [
        (call(&parameter("<value><int>5</int></value>")), "body: holds a number where a record should be"),
        (call(&parameter("<value><nil/></value>")), "body: holds nothing where a record should be"),
        (call(&parameter("<value>hello</value>")), "body: is not JSON (line 1, column 1)"),
    ] {
        assert_eq!(records(&document), [Err(expected.to_owned())], "{document}");
    }
    assert!(records(&call("")).is_empty() && records("<cdr/>").is_empty());
}

#[test]
fn of_two_equal_names_the_first_that_is_not_blank_counts() {
    let member = |value: &str| format!("<member><name>caller</name><value>{value}</value></member>");
    let record = only(&structure(&[member(" "), member("050"), member("051")].concat()));
    assert_eq!(record.text(&["caller"]).as_deref(), Some("050"));
    let nameless = structure("<member><value>1</value></member><member><name>x</name></member>");
    assert_eq!(only(&nameless), {
        let mut record = Record::default();
        record.insert("x", Value::Null);
        record
    });
}

#[test]
fn plain_records_hold_lists_and_objects() {
    let record = only(
        "<cdr><IVR><layer><layer_id>1</layer_id></layer></IVR><CustomData><utm>a</utm><x>1</x></CustomData></cdr>",
    );
    assert_eq!(record.find(&["IVR"]).unwrap().value, &json!([{"layer_id": "1"}]));
    assert_eq!(record.find(&["CustomData"]).unwrap().value, &json!({"utm": "a", "x": "1"}));
}
