//! What a request takes in memory once it is decoded, told from its bytes before it is.
//!
//! A repeated message of two bytes on the wire is a struct of some hundred in memory, and an object of JSON with one key a node of a tree. A
//! request within the limit of its size could so take hundreds of times as much. The wire format (protobuf.dev, "Encoding") tells messages from texts
//! only by the types of their fields, which the descriptors have.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use leadcapture_proto::FILE_DESCRIPTOR_SET;
use prost::{
    DecodeError, Message as _,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet, MessageOptions,
    field_descriptor_proto::{Label, Type},
};

/// What a field takes in its struct: the largest is a list, a text or a tree of 24 bytes and whether it is there.
const FIELD: usize = 32;
/// A list that grows has up to twice the room that it needs.
const GROWTH: usize = 2;
/// The least that a map takes as soon as it has one entry: a node of the tree, with room for eleven.
const MAP_NODE: usize = 640;
/// A number of at least one byte on the wire, in a list.
const NUMBER: usize = 8 * GROWTH;
/// A text without its bytes, in a list.
const TEXT: usize = FIELD * GROWTH;
/// How deep messages are followed: deeper than the decoder goes, which refuses them after 100.
const DEPTH: usize = 128;

/// The messages that requests are made of.
#[derive(Debug)]
pub(super) struct Shapes {
    shapes: Vec<Shape>,
    /// The shape of each method's request, by the method's path.
    of_method: HashMap<String, usize>,
}

/// The fields of a message that can take more memory than bytes, by their numbers.
#[derive(Debug, Default)]
struct Shape {
    fields: HashMap<u32, Field>,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Numbers,
    Texts,
    /// The place of the message's shape, and what each of them takes beside what is in it.
    Message {
        shape: usize,
        weight: usize,
        is_map: bool,
    },
}

/// Why a message cannot be weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unweighed {
    /// It is heavier than it may be.
    TooHeavy,
    /// A length in it leads out of the part that it is in. The decoder would see that only after it has read what it leads to.
    Overrun,
}

/// Why weighing ended early.
enum Stop {
    /// The bytes are no message; the decoder reads nothing after them, unless it is within a part.
    Malformed,
    /// The decoder refuses messages as deep as this, and reads nothing after them.
    TooDeep,
    Unweighed(Unweighed),
}

impl From<Unweighed> for Stop {
    fn from(why: Unweighed) -> Self {
        Self::Unweighed(why)
    }
}

impl From<DecodeError> for Stop {
    fn from(_: DecodeError) -> Self {
        Self::Malformed
    }
}

impl Shapes {
    /// The shapes of all requests of the services.
    pub(super) fn new() -> Self {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET)
            .unwrap_or_else(|error| unreachable!("the descriptors were compiled with the program: {error}"));
        let mut messages = BTreeMap::new();
        for file in &set.file {
            collect(&format!(".{}", file.package()), &file.message_type, &mut messages);
        }
        let places: HashMap<_, _> =
            messages.keys().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        let shapes = messages.values().map(|message| Shape::of(message, &messages, &places)).collect();
        let services = set.file.iter().flat_map(|file| {
            file.service.iter().map(|service| (format!("/{}.{}", file.package(), service.name()), service))
        });
        let of_method = services
            .flat_map(|(path, service)| {
                service.method.iter().map(move |method| (format!("{path}/{}", method.name()), method))
            })
            .filter_map(|(path, method)| Some((path, *places.get(method.input_type())?)))
            .collect();
        Self { shapes, of_method }
    }

    /// What decoding the request of a method takes beside its bytes. Of a method that there is not: nothing.
    ///
    /// # Errors
    /// It would be more than `most`, or cannot be told.
    pub(super) fn weigh(&self, path: &str, message: &[u8], most: usize) -> Result<usize, Unweighed> {
        let Some(shape) = self.of_method.get(path) else { return Ok(0) };
        let mut scale = Scale { shapes: &self.shapes, weight: 0, most };
        match scale.put(*shape, message, DEPTH) {
            Ok(()) | Err(Stop::Malformed | Stop::TooDeep) => Ok(scale.weight),
            Err(Stop::Unweighed(why)) => Err(why),
        }
    }
}

/// All messages within `scope`, by their full names.
fn collect<'a>(
    scope: &str,
    messages: &'a [DescriptorProto],
    into: &mut BTreeMap<String, &'a DescriptorProto>,
) {
    for message in messages {
        let name = format!("{scope}.{}", message.name());
        collect(&name, &message.nested_type, into);
        into.insert(name, message);
    }
}

impl Shape {
    fn of(
        message: &DescriptorProto,
        messages: &BTreeMap<String, &DescriptorProto>,
        places: &HashMap<&str, usize>,
    ) -> Self {
        let field = |field: &FieldDescriptorProto| {
            let is_list = field.label() == Label::Repeated;
            match field.r#type() {
                Type::Message | Type::Group => {
                    let shape = *places.get(field.type_name())?;
                    let message = messages.get(field.type_name())?;
                    let weight = if is_list { size(message) * GROWTH } else { 0 };
                    let is_map = message.options.as_ref().is_some_and(MessageOptions::map_entry);
                    Some(Field::Message { shape, weight, is_map })
                }
                Type::String | Type::Bytes => is_list.then_some(Field::Texts),
                _ => is_list.then_some(Field::Numbers),
            }
        };
        let number = |of: &FieldDescriptorProto| u32::try_from(of.number()).ok();
        let fields = message.field.iter().filter_map(|of| Some((number(of)?, field(of)?)));
        Self { fields: fields.collect() }
    }
}

/// The most bytes of the struct of a message. The fields of a `oneof` have one place.
fn size(message: &DescriptorProto) -> usize {
    let alone = message.field.iter().filter(|field| field.oneof_index.is_none()).count();
    FIELD * (1 + alone + message.oneof_decl.len())
}

/// Adds up what a request takes.
struct Scale<'a> {
    shapes: &'a [Shape],
    weight: usize,
    most: usize,
}

impl Scale<'_> {
    /// Reads the fields of a message as the decoder will.
    fn put(&mut self, shape: usize, mut message: &[u8], depth: usize) -> Result<(), Stop> {
        let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
        let mut has_map = false;
        while !message.is_empty() {
            let (number, wire_type) = decode_key(&mut message)?;
            let field = self.shapes.get(shape).and_then(|shape| shape.fields.get(&number)).copied();
            let before = message.len();
            match wire_type {
                WireType::LengthDelimited => {
                    let length = decode_varint(&mut message)?;
                    let length = usize::try_from(length).map_err(|_| Stop::Malformed)?;
                    let content = take(&mut message, length)?;
                    if let Some(Field::Message { shape, weight, is_map }) = field {
                        self.add(weight)?;
                        if is_map && !has_map {
                            has_map = true;
                            self.add(MAP_NODE)?;
                        }
                        // Where the part's bytes end, the decoder would read on.
                        self.put(shape, content, depth).map_err(|stop| match stop {
                            Stop::Malformed => Unweighed::Overrun.into(),
                            stop => stop,
                        })?;
                    }
                }
                WireType::Varint => drop(decode_varint(&mut message)?),
                WireType::SixtyFourBit => drop(take(&mut message, 8)?),
                WireType::ThirtyTwoBit => drop(take(&mut message, 4)?),
                // No message here has a group.
                WireType::StartGroup => {
                    skip_field(wire_type, number, &mut message, DecodeContext::default())?;
                }
                WireType::EndGroup => return Err(Stop::Malformed),
            }
            match field {
                // Of a packed list the content is numbers too.
                Some(Field::Numbers) => self.add((before - message.len()) * NUMBER)?,
                Some(Field::Texts) => self.add(TEXT)?,
                Some(Field::Message { .. }) | None => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, weight: usize) -> Result<(), Unweighed> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight > self.most { Err(Unweighed::TooHeavy) } else { Ok(()) }
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Stop> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Stop::Malformed)?;
    *bytes = rest;
    Ok(taken)
}
