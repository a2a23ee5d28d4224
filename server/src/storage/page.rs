//! Pages of a list, by key: page 10,000 costs what page 1 costs.

use chrono::{DateTime, Utc};
use sea_orm::{
    EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    sea_query::{Expr, ExprTrait as _},
};
use uuid::Uuid;

/// The position of a row in a list: its time and, among rows of the same time, its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The time that the list is ordered by.
    pub at: DateTime<Utc>,
    /// The row's id.
    pub id: Uuid,
}

/// Which page is wanted.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<P = Cursor> {
    /// The most rows; at least 1.
    pub size: u32,
    /// The last row of the page before.
    pub after: Option<P>,
}

/// What stands in a list.
pub trait Listed {
    /// How its place in the list is told.
    type Position;

    /// Its place in the list.
    fn position(&self) -> Self::Position;
}

/// A page and the way to the next.
#[derive(Clone, Debug)]
pub struct Page<T: Listed> {
    /// The rows.
    pub items: Vec<T>,
    /// The last row of this page; absent if no page follows.
    pub next: Option<T::Position>,
}

impl<T: Listed> Page<T> {
    /// Leaves the rows after the first `count`, at least one, to the next page.
    pub fn shorten(&mut self, count: usize) {
        let count = count.max(1);
        if count < self.items.len() {
            self.items.truncate(count);
            self.next = self.items.last().map(Listed::position);
        }
    }
}

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    NewestFirst,
    OldestFirst,
}

impl PageRequest {
    /// Narrows a query to this page and one row more, which tells whether there is a next.
    pub(super) fn apply<E: EntityTrait>(
        self,
        query: Select<E>,
        (at, id): (E::Column, E::Column),
        order: Order,
    ) -> Select<E> {
        let key = || Expr::tuple([Expr::col((E::default(), at)), Expr::col((E::default(), id))]);
        let query = match (self.after, order) {
            (None, _) => query,
            (Some(after), Order::NewestFirst) => query.filter(key().lt(position(after))),
            (Some(after), Order::OldestFirst) => query.filter(key().gt(position(after))),
        };
        let query = match order {
            Order::NewestFirst => query.order_by_desc(at).order_by_desc(id),
            Order::OldestFirst => query.order_by_asc(at).order_by_asc(id),
        };
        query.limit(u64::from(self.size) + 1)
    }
}

impl<P> PageRequest<P> {
    /// Makes the page of the rows that the narrowed query gave.
    pub(super) fn page<T: Listed<Position = P>>(&self, items: Vec<T>) -> Page<T> {
        let mut page = Page { items, next: None };
        page.shorten(self.size as usize);
        page
    }
}

fn position(after: Cursor) -> Expr {
    Expr::tuple([Expr::val(after.at), Expr::val(after.id)])
}
