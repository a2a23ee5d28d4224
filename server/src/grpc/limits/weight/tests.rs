//! Weights against the compiler's sizes, and the walk against the decoder.

use leadcapture_proto::v1::{
    BatchRecordCallsRequest, IvrStep, ListLeadsRequest, RecordCallRequest, StartConversationRequest,
};
use proptest::{collection::vec, prelude::*};
use prost_types::{ListValue, Struct, Value, value::Kind};

use super::*;

const RECORD: &str = "/leadcapture.v1.MissedCallService/RecordCall";
const BATCH: &str = "/leadcapture.v1.MissedCallService/BatchRecordCalls";

fn weigh(path: &str, message: &impl prost::Message) -> usize {
    Shapes::new().weigh(path, &message.encode_to_vec(), usize::MAX).unwrap()
}

fn call_with(data: Struct) -> RecordCallRequest {
    RecordCallRequest { custom_data: Some(data), ..RecordCallRequest::default() }
}

fn object(entries: impl IntoIterator<Item = (String, Kind)>) -> Struct {
    let fields = entries.into_iter().map(|(key, kind)| (key, Value { kind: Some(kind) })).collect();
    Struct { fields }
}

#[test]
fn every_method_has_a_shape_and_no_struct_is_larger_than_is_thought() {
    let shapes = Shapes::new();
    for (method, _) in crate::grpc::ROLES {
        assert!(shapes.of_method.contains_key(&format!("/leadcapture.v1.{method}")), "{method}");
    }
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut messages = BTreeMap::new();
    for file in &set.file {
        collect(&format!(".{}", file.package()), &file.message_type, &mut messages);
    }
    for (name, bytes) in [
        (".leadcapture.v1.RecordCallRequest", size_of::<RecordCallRequest>()),
        (".leadcapture.v1.IvrStep", size_of::<IvrStep>()),
        (".leadcapture.v1.StartConversationRequest", size_of::<StartConversationRequest>()),
        (".google.protobuf.Value", size_of::<Value>()),
        (".google.protobuf.Struct.FieldsEntry", size_of::<(String, Value)>()),
    ] {
        assert!(size(messages[name]) >= bytes, "{name} takes {bytes} bytes");
    }
}

proptest! {
    /// Bytes that are no message are refused by whomever sees it first; a message never.
    #[test]
    fn what_can_be_decoded_can_be_weighed(changes in vec((0_usize..400, any::<u8>()), 0..4)) {
        let inner = object([("a".to_owned(), Kind::NumberValue(1.5)), ("b".to_owned(), Kind::BoolValue(true))]);
        let values = vec![Value { kind: Some(Kind::StructValue(inner)) }; 3];
        let call = RecordCallRequest {
            ivr_path: vec![IvrStep { digit: "5".to_owned(), ..IvrStep::default() }; 3],
            ..call_with(object([("list".to_owned(), Kind::ListValue(ListValue { values }))]))
        };
        let mut bytes = BatchRecordCallsRequest { calls: vec![call; 3] }.encode_to_vec();
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        if BatchRecordCallsRequest::decode(&bytes[..]).is_ok() {
            prop_assert!(Shapes::new().weigh(BATCH, &bytes, usize::MAX).is_ok());
        }
    }
}

#[test]
fn an_ordinary_call_weighs_little() {
    let data = (0..20).map(|n| (format!("key {n}"), Kind::StringValue("value".to_owned())));
    let call = RecordCallRequest {
        ivr_path: vec![IvrStep::default(); 5],
        called_at: Some(prost_types::Timestamp { seconds: 1, nanos: 1 }),
        ..call_with(object(data))
    };
    assert!(weigh(RECORD, &call) < 8_000, "{}", weigh(RECORD, &call));
    let batch = BatchRecordCallsRequest { calls: vec![call; 1_000] };
    assert!(weigh(BATCH, &batch) < 10_000_000, "{}", weigh(BATCH, &batch));
}

#[test]
fn what_is_small_on_the_wire_and_large_in_memory_is_weighed_as_large() {
    let calls = vec![RecordCallRequest::default(); 1_000];
    let batch = BatchRecordCallsRequest { calls };
    assert!(weigh(BATCH, &batch) >= 1_000 * size_of::<RecordCallRequest>());

    let values = vec![Value { kind: None }; 1_000];
    let list = Kind::ListValue(ListValue { values });
    let call = call_with(object([(String::new(), list)]));
    assert!(weigh(RECORD, &call) >= 1_000 * size_of::<Value>());

    // A node of a tree for each.
    let values = (0..1_000).map(|_| Kind::StructValue(object([(String::new(), Kind::BoolValue(true))])));
    let values = values.map(|kind| Value { kind: Some(kind) }).collect();
    let call = call_with(object([(String::new(), Kind::ListValue(ListValue { values }))]));
    assert!(weigh(RECORD, &call) >= 1_000 * MAP_NODE);

    let statuses = ListLeadsRequest { statuses: vec![1; 1_000], ..ListLeadsRequest::default() };
    let path = "/leadcapture.v1.LeadService/ListLeads";
    assert!(weigh(path, &statuses) >= 1_000 * size_of::<i32>());
}

#[test]
fn weighing_ends_at_the_limit_and_at_what_cannot_be_decoded() {
    let shapes = Shapes::new();
    let calls = vec![RecordCallRequest::default(); 1_000];
    let mut batch = BatchRecordCallsRequest { calls }.encode_to_vec();
    let weight = shapes.weigh(BATCH, &batch, usize::MAX).unwrap();
    assert_eq!(shapes.weigh(BATCH, &batch, weight), Ok(weight));
    assert_eq!(shapes.weigh(BATCH, &batch, weight - 1), Err(Unweighed::TooHeavy));
    // A length without what it is the length of.
    batch.extend([0x0a, 0xff, 0x01]);
    assert_eq!(shapes.weigh(BATCH, &batch, usize::MAX), Ok(weight));
    // A list within an object that is said to be shorter: the decoder would read all of the list first.
    let list = wrap(&[0x32], [0x0a, 0].repeat(1_000));
    let mut object = wrap(&[0x82, 0x01], wrap(&[0x0a], wrap(&[0x12], list)));
    assert!(shapes.weigh(RECORD, &object, usize::MAX).unwrap() > 1_000 * size_of::<Value>());
    object[2..4].copy_from_slice(&[0x90, 0x01]);
    assert_eq!(shapes.weigh(RECORD, &object, usize::MAX), Err(Unweighed::Overrun));
    for broken in [&[0xff; 20][..], &[0], &[0x0a, 0x80], &[0x09, 1], &[0x0d]] {
        assert_eq!(shapes.weigh(BATCH, broken, 0), Ok(0), "{broken:?}");
    }
    assert_eq!(shapes.weigh("/leadcapture.v1.LeadService/Steal", &batch, 0), Ok(0));
    // Deeper than the decoder goes: custom_data (0x82 0x01), then objects within objects.
    let deep =
        (0..10_000).fold(Vec::new(), |inner: Vec<u8>, _| wrap(&[0x2a], wrap(&[0x0a], wrap(&[0x12], inner))));
    let weight = shapes.weigh(RECORD, &wrap(&[0x82, 0x01], deep), usize::MAX).unwrap();
    assert!(weight < DEPTH * 1_000, "{weight}");
}

/// A length-delimited field of that key.
fn wrap(key: &[u8], content: Vec<u8>) -> Vec<u8> {
    let mut field = key.to_vec();
    prost::encoding::encode_varint(content.len() as u64, &mut field);
    field.extend(content);
    field
}
