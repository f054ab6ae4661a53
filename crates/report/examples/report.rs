//! Turns a record into a page: `cargo run -p squall-report --example report RECORD.jsonl PAGE.html`.

use std::error::Error;

use squall_model::record::Record;
use squall_report::{Curves, Summary, html};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(record), Some(page)) = (args.next(), args.next()) else {
        return Err("name the record and the page to write".into());
    };
    let record = Record::read_from(std::io::BufReader::new(std::fs::File::open(record)?))?;
    let summary = Summary::of(&record);
    std::fs::write(page, html(&summary, &Curves::of(&record, &summary, Curves::PAGE))?)?;
    Ok(())
}
