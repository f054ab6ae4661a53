//! Programs of the experiment: for everything that squall cannot break by itself yet.

use squall_model::template::Argv;
use squall_model::undo::Undo;
use squall_model::unit::Span;

use super::{Prepared, Refusal, Site};
use crate::change::{Change, Step};
use crate::program;
use crate::reason::reason;

pub(super) fn prepare(
    site: &Site,
    inject: &Argv,
    undo: &Argv,
    check: &Argv,
    timeout: Span,
) -> Result<Prepared, Refusal> {
    let fill = |argv: &Argv| site.filling.fill_all(argv).map_err(|error| reason(&error));
    let plain = |argv: &Argv| site.filling.fill_plain(argv).map_err(|error| reason(&error));
    let asked = fill(check)?;
    if program::says(&asked, timeout.0)? {
        return Err("its check says that it is in effect already".to_owned());
    }
    let undo = Undo::Run { undo: plain(undo)?, check: plain(check)?, timeout, mark: site.mark() };
    let change = Change::Run { argv: fill(inject)?, timeout: timeout.0, mark: Some(site.mark()) };
    let effect = move || {
        if program::says(&asked, timeout.0)? {
            Ok("its check says that it is in effect".to_owned())
        } else {
            Err("its check says that it is not in effect".to_owned())
        }
    };
    Ok(Prepared { steps: vec![Step { undo, change }], effect: Box::new(effect), expects: None })
}
