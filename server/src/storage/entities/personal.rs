//! Columns of personal data: stored as what they hold, masked wherever a row or a change of one is shown.

use sea_orm::{
    ActiveValue, ColIdx, DbErr, IntoActiveValue, QueryResult, TryFromU64, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};

use crate::domain::personal::Personal;

impl<T: Into<Value>> From<Personal<T>> for Value {
    fn from(value: Personal<T>) -> Self {
        value.into_revealed().into()
    }
}

impl<T: TryGetable> TryGetable for Personal<T> {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        T::try_get_by(row, index).map(Self::new)
    }
}

impl<T: ValueType> ValueType for Personal<T> {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <T as ValueType>::try_from(value).map(Self::new)
    }

    fn type_name() -> String {
        T::type_name()
    }

    fn array_type() -> ArrayType {
        T::array_type()
    }

    fn column_type() -> ColumnType {
        T::column_type()
    }
}

impl<T: Nullable> Nullable for Personal<T> {
    fn null() -> Value {
        T::null()
    }
}

impl<T: Into<Value>> IntoActiveValue<Self> for Personal<T> {
    fn into_active_value(self) -> ActiveValue<Self> {
        ActiveValue::Set(self)
    }
}

impl<T: TryFromU64> TryFromU64 for Personal<T> {
    fn try_from_u64(number: u64) -> Result<Self, DbErr> {
        T::try_from_u64(number).map(Self::new)
    }
}
