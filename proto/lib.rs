//! The leadcapture gRPC API as Rust code: messages, clients and server traits generated from `proto/`.

/// Version 1 of the API, package `leadcapture.v1`.
#[expect(
    clippy::pedantic,
    clippy::large_enum_variant,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code; its documentation is the comments of the .proto files"
)]
pub mod v1 {
    tonic::include_proto!("leadcapture.v1");
}

/// The compiled `.proto` files with their comments, as a serialized `google.protobuf.FileDescriptorSet`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/leadcapture_descriptor.bin"));
