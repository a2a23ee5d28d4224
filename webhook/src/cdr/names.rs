//! Voicenter's names of the fields, the push spelling first. Letter case does not count.

/// The call's id.
pub const CALL_ID: &[&str] = &["ivruniqueid", "CallID", "ivrid", "IVR_UNIQUE_ID"];
/// The call that this one is a transfer of.
pub const ORIGINAL_CALL_ID: &[&str] = &["OriginalIvrUniqueID"];
/// The client on incoming calls, the number shown on outgoing ones.
pub const CALLER: &[&str] = &["caller", "CallerNumber"];
/// The client, whoever called.
pub const CLIENT: &[&str] = &["callerPhone"];
/// The destination: a phone or a SIP extension.
pub const TARGET: &[&str] = &["target", "TargetNumber"];
/// The business number that was dialled.
pub const DID: &[&str] = &["did"];
/// The start in epoch seconds.
pub const TIME: &[&str] = &["time", "DateEpoch"];
/// The start as ISO 8601, UTC.
pub const DATE: &[&str] = &["Date"];
/// The whole length in seconds; where only the talk was measured, that.
pub const DURATION: &[&str] = &["duration", "actualCallDuration"];
/// How long it rang, in seconds.
pub const RING: &[&str] = &["actualCallDialtime", "dialtime", "RingTime"];
/// How it ended.
pub const STATUS: &[&str] = &["status", "DialStatus"];
/// Whether somebody answered.
pub const IS_ANSWER: &[&str] = &["isAnswer"];
/// The kind of call, by name or number.
pub const TYPE: &[&str] = &["type", "CdrType"];
/// Who called whom.
pub const DIRECTION: &[&str] = &["direction"];
/// The queue.
pub const QUEUE: &[&str] = &["queuename"];
/// Where the recording can be heard.
pub const RECORDING: &[&str] = &["record", "RecordURL"];
/// The person who took the call.
pub const REPRESENTATIVE: &[&str] = &["representative_name", "RepresentativeName"];
/// The caller's path through the voice menu.
pub const IVR: &[&str] = &["IVR", "DTMFData"];
/// Data collected during the call.
pub const CUSTOM_DATA: &[&str] = &["CustomData", "CUSTOM_DATA"];
/// What the vendor's AI made of the call.
pub const AI_DATA: &[&str] = &["aiData"];

/// Fields that the request has no place for and that have two spellings, or one whose letter case is told here.
pub const OTHERS: &[&[&str]] = &[
    &["representative_code", "RepresentativeCode"],
    &["queueid"],
    &["seconds_waiting_in_queue"],
    &["targetextension"],
    &["callerextension"],
    &["extenUser"],
    &["price"],
    &["target_country"],
    &["caller_country"],
    &["DepartmentName"],
    &["DepartmentID"],
];
