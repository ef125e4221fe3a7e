//! The arguments of every list, and the remark that there is more.

use clap::Args;
use doorward::{Error, Order, Page, PageRequest};

use crate::output::Output;

#[derive(Args)]
pub(crate) struct Paging {
    /// How many at most, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Go on where the previous page ended
    #[arg(long)]
    cursor: Option<String>,
    /// The earliest first; else the latest come first
    #[arg(long)]
    oldest_first: bool,
}

impl Paging {
    pub(crate) fn request(&self) -> Result<PageRequest, Error> {
        Ok(PageRequest {
            limit: self.limit,
            cursor: self.cursor.as_deref().map(str::parse).transpose()?,
            order: if self.oldest_first { Order::OldestFirst } else { Order::NewestFirst },
        })
    }
}

/// Says where a list goes on, or that it is empty.
pub(crate) fn remark<T>(page: &Page<T>, output: &Output) {
    if let Some(next) = &page.next {
        output.remark(&format!("there is more: add --cursor {next}"));
    } else if page.items.is_empty() {
        output.remark("none");
    }
}
