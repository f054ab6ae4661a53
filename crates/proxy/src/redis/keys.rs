//! Where the keys of a command stand. From the key specifications of Redis 7 (`COMMAND`), for what queues, caches and
//! sessions use; of a command that is not here, the first argument counts as its key.

use super::command::Command;

/// Which arguments are keys, from the command's name at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    first: usize,
    count: usize,
    step: usize,
    /// One more, in front: the destination.
    also: Option<usize>,
}

impl Keys {
    const NONE: Self = Self { first: 0, count: 0, step: 1, also: None };

    fn these(first: usize, count: usize) -> Self {
        Self { first, count, ..Self::NONE }
    }

    /// The places.
    pub(super) fn places(self) -> impl Iterator<Item = usize> {
        self.also.into_iter().chain((0..self.count).map(move |n| self.first + n * self.step))
    }

    fn last(self) -> usize {
        self.also.unwrap_or(0).max(match self.count {
            0 => 0,
            count => self.first + (count - 1) * self.step,
        })
    }
}

/// What can be said about a command of which only the first arguments are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The keys; some may be among what is not known.
    pub(super) keys: Keys,
    /// How many arguments must be known to know more.
    pub(super) more: Option<usize>,
}

impl Found {
    fn more(known: usize) -> Self {
        Self { keys: Keys::NONE, more: Some(known) }
    }
}

/// How a command says where its keys are.
enum Spec {
    None,
    /// From the first to the last (from the end where negative), every step.
    Range(usize, i32, usize),
    /// A number at this place says how many follow.
    Counted(usize),
    /// A destination at 1, a number at 2.
    Into,
    /// The first half of what follows the word STREAMS.
    Streams,
}

/// Looks for the keys.
pub(super) fn find(command: &Command<'_>) -> Found {
    let known = command.known();
    let total = command.total();
    let Some(name) = command.arg(0) else { return Found::more(1) };
    let keys = match spec(name) {
        Spec::None => Keys::NONE,
        Spec::Range(first, last, step) => {
            let last = match usize::try_from(last) {
                Ok(last) => last.min(total.saturating_sub(1)),
                Err(_) => total.saturating_sub(last.unsigned_abs() as usize),
            };
            if last < first {
                Keys::NONE
            } else {
                Keys { step, ..Keys::these(first, (last - first) / step + 1) }
            }
        }
        Spec::Counted(at) => match counted(command, at) {
            Ok(keys) => keys,
            Err(more) => return Found::more(more),
        },
        Spec::Into => match counted(command, 2) {
            Ok(keys) => Keys { also: Some(1), ..keys },
            Err(more) => return Found::more(more),
        },
        Spec::Streams => {
            let word =
                (1..known).find(|n| command.arg(*n).is_some_and(|arg| arg.eq_ignore_ascii_case(b"streams")));
            match word {
                Some(word) => Keys::these(word + 1, (total - word - 1) / 2),
                None if known < total => return Found::more(known + 1),
                None => Keys::NONE,
            }
        }
    };
    Found { keys, more: (keys.last() >= known && keys.last() > 0).then_some(keys.last() + 1) }
}

fn counted(command: &Command<'_>, at: usize) -> Result<Keys, usize> {
    if at >= command.total() {
        return Ok(Keys::NONE);
    }
    let Some(number) = command.arg(at) else { return Err(at + 1) };
    let number = std::str::from_utf8(number).ok().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    Ok(Keys::these(at + 1, number.min(command.total() - at - 1)))
}

fn spec(name: &[u8]) -> Spec {
    let mut upper = [0_u8; 20];
    let Some(upper) = upper.get_mut(..name.len()) else { return Spec::Range(1, 1, 1) };
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    match &*upper {
        b"PING" | b"ECHO" | b"HELLO" | b"AUTH" | b"QUIT" | b"RESET" | b"SELECT" | b"SWAPDB" | b"CLIENT"
        | b"CONFIG" | b"INFO" | b"COMMAND" | b"CLUSTER" | b"READONLY" | b"READWRITE" | b"ASKING"
        | b"MULTI" | b"EXEC" | b"DISCARD" | b"UNWATCH" | b"MONITOR" | b"SUBSCRIBE" | b"PSUBSCRIBE"
        | b"UNSUBSCRIBE" | b"PUNSUBSCRIBE" | b"PUBLISH" | b"PUBSUB" | b"SCRIPT" | b"FUNCTION" | b"ACL"
        | b"LATENCY" | b"SLOWLOG" | b"MODULE" | b"KEYS" | b"SCAN" | b"RANDOMKEY" | b"DBSIZE" | b"FLUSHDB"
        | b"FLUSHALL" | b"SAVE" | b"BGSAVE" | b"BGREWRITEAOF" | b"LASTSAVE" | b"SHUTDOWN" | b"ROLE"
        | b"REPLICAOF" | b"SLAVEOF" | b"WAIT" | b"WAITAOF" | b"TIME" | b"FAILOVER" | b"PSYNC" | b"SYNC"
        | b"REPLCONF" | b"LOLWUT" => Spec::None,
        b"DEL" | b"UNLINK" | b"EXISTS" | b"TOUCH" | b"MGET" | b"WATCH" | b"SDIFF" | b"SINTER" | b"SUNION"
        | b"SDIFFSTORE" | b"SINTERSTORE" | b"SUNIONSTORE" | b"PFCOUNT" | b"PFMERGE" | b"SSUBSCRIBE"
        | b"SUNSUBSCRIBE" => Spec::Range(1, -1, 1),
        b"BLPOP" | b"BRPOP" | b"BZPOPMIN" | b"BZPOPMAX" => Spec::Range(1, -2, 1),
        b"MSET" | b"MSETNX" => Spec::Range(1, -1, 2),
        b"RENAME" | b"RENAMENX" | b"COPY" | b"LMOVE" | b"BLMOVE" | b"RPOPLPUSH" | b"BRPOPLPUSH"
        | b"SMOVE" | b"LCS" | b"ZRANGESTORE" | b"GEOSEARCHSTORE" => Spec::Range(1, 2, 1),
        b"BITOP" => Spec::Range(2, -1, 1),
        b"OBJECT" | b"MEMORY" | b"XGROUP" | b"XINFO" | b"DEBUG" => Spec::Range(2, 2, 1),
        b"EVAL" | b"EVALSHA" | b"EVAL_RO" | b"EVALSHA_RO" | b"FCALL" | b"FCALL_RO" | b"BLMPOP"
        | b"BZMPOP" => Spec::Counted(2),
        b"LMPOP" | b"ZMPOP" | b"ZDIFF" | b"ZINTER" | b"ZUNION" | b"ZINTERCARD" | b"SINTERCARD" => {
            Spec::Counted(1)
        }
        b"ZDIFFSTORE" | b"ZINTERSTORE" | b"ZUNIONSTORE" => Spec::Into,
        b"XREAD" | b"XREADGROUP" => Spec::Streams,
        _ => Spec::Range(1, 1, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::words;
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        words(text, |command| {
            let Found { keys, more } = find(command);
            assert_eq!(more, None, "{text}");
            keys.places().map(|n| String::from_utf8_lossy(command.arg(n).unwrap()).into_owned()).collect()
        })
    }

    #[test]
    fn keys_are_where_redis_has_them() {
        for (text, expected) in [
            ("GET a", "a"),
            ("set a 1 EX 10", "a"),
            ("PING", ""),
            ("DEL a b c", "a b c"),
            ("MSET a 1 b 2", "a b"),
            ("MSET a 1 b", "a b"),
            ("BLPOP a b 0", "a b"),
            ("BLMOVE jobs work LEFT RIGHT 0", "jobs work"),
            ("BITOP AND a b c", "a b c"),
            ("OBJECT ENCODING a", "a"),
            ("EVAL script 2 a b c", "a b"),
            ("EVAL script 9 a b", "a b"),
            ("EVALSHA sha -1 a", ""),
            ("ZUNIONSTORE out 2 a b WEIGHTS 1 2", "out a b"),
            ("XREADGROUP GROUP g c COUNT 1 STREAMS a b > >", "a b"),
            ("XREAD COUNT 1", ""),
            ("LMPOP 1 a LEFT", "a"),
            ("CONFIG SET a b", ""),
            ("JSON.GET a $", "a"),
            ("AVERYLONGCOMMANDNAMEINDEED a b", "a"),
            ("GET", ""),
            ("BLPOP a", ""),
        ] {
            assert_eq!(keys(text).join(" "), expected, "{text}");
        }
    }
}
