//! What kind of trouble a Kafka error is.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::error::{Error, Kind};

/// The kind of an error a client returned. Unknown codes are transient: retried, never held against a record.
#[must_use]
pub fn classify(error: &KafkaError) -> Kind {
    if let KafkaError::Transaction(transaction) = error {
        return match kind_of_code(transaction.code()) {
            Kind::Transient if transaction.is_fatal() => Kind::Fenced,
            kind => kind,
        };
    }
    match error {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(..) => Kind::Misconfigured,
        KafkaError::Canceled => Kind::Cancelled,
        other => other.rdkafka_error_code().map_or(Kind::Transient, kind_of_code),
    }
}

fn kind_of_code(code: Code) -> Kind {
    match code {
        Code::Fenced
        | Code::ProducerFenced
        | Code::InvalidProducerEpoch
        | Code::InvalidProducerIdMapping
        | Code::FencedInstanceId
        | Code::UnknownMemberId
        | Code::IllegalGeneration
        | Code::Fatal => Kind::Fenced,
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SecurityDisabled
        | Code::UnsupportedVersion
        | Code::PolicyViolation
        | Code::MessageSizeTooLarge
        | Code::InvalidTransactionTimeout => Kind::Misconfigured,
        Code::OffsetOutOfRange | Code::AutoOffsetReset => Kind::PositionLost,
        _ => Kind::Transient,
    }
}

/// Wraps an error a client returned while `context` was being done.
#[must_use]
pub fn failed(context: impl Into<String>, error: KafkaError) -> Error {
    Error::caused(classify(&error), context, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ask_for_what_can_be_done_about_them() {
        for (code, kind) in [
            (Code::BrokerTransportFailure, Kind::Transient),
            (Code::ProducerFenced, Kind::Fenced),
            (Code::SaslAuthenticationFailed, Kind::Misconfigured),
            (Code::OffsetOutOfRange, Kind::PositionLost),
            (Code::UnknownTopicOrPartition, Kind::Transient),
        ] {
            assert_eq!(classify(&KafkaError::MessageProduction(code)), kind, "{code:?}");
        }
    }
}
