//! From a query's document to an expression, with every problem found on the way.
//!
//! Guards: what is understood here is what the server's `find` understands; anything else is a [`Problem`] at its place, never a guess.

use common::raw::{self, Document, Element, Kind};

use super::{
    evaluate::{Comparison, Condition, Expression, Test},
    operand::Operand,
    path::Path,
    pattern::Pattern,
    problems::{Problems, expected},
};
use crate::Problem;

/// The operators on values, for those who mistype one.
const OPERATORS: &str = "$eq, $ne, $in, $nin, $gt, $gte, $lt, $lte, $exists, $type, $regex, $options, $size, $all, $elemMatch and $not; \
                         around conditions $and, $or and $nor";

/// The expression of a query that stands at `at`.
pub(super) fn query(at: &str, query: Document<'_>) -> Result<Expression, Problems> {
    if query.is_empty() {
        return Err(vec![Problem::new(at, "is empty, so that everything passes: leave it out")]);
    }
    document(at, query)
}

fn document(at: &str, query: Document<'_>) -> Result<Expression, Problems> {
    let parts = each(query, |element| {
        let name = name(at, element)?;
        let at = format!("{at}.{name}");
        match name {
            "$and" => clauses(&at, element).map(Expression::And),
            "$or" => clauses(&at, element).map(Expression::Or),
            "$nor" => clauses(&at, element).map(|any| Expression::Not(Box::new(Expression::Or(any)))),
            _ if name.starts_with('$') => Err(unknown(&at, name)),
            _ => field(&at, element),
        }
    })?;
    Ok(all(parts))
}

fn all(mut parts: Vec<Expression>) -> Expression {
    if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) }
}

/// The documents of `$and`, `$or` and `$nor`.
fn clauses(at: &str, element: &Element<'_>) -> Result<Vec<Expression>, Problems> {
    let list = list(at, element)?;
    if list.is_empty() {
        return Err(vec![Problem::new(at, "is empty")]);
    }
    each(list, |clause| {
        let at = format!("{at}[{}]", String::from_utf8_lossy(clause.name));
        match clause.kind {
            Kind::Document => document(&at, clause.as_document().unwrap_or(Document::EMPTY)),
            _ => Err(expected(&at, "a document", clause)),
        }
    })
}

/// What a query asks of one path.
fn field(at: &str, element: &Element<'_>) -> Result<Expression, Problems> {
    let path = Path::parse(element.name);
    let conditions = conditions(at, element)?;
    Ok(all(conditions.into_iter().map(|condition| at_path(&path, condition)).collect()))
}

fn at_path(path: &Path, condition: Condition) -> Expression {
    match condition {
        Condition::Test(test) => Expression::At(path.clone(), test),
        Condition::Not(inner) => {
            let inner = inner.into_iter().map(|condition| at_path(path, condition)).collect();
            Expression::Not(Box::new(Expression::And(inner)))
        }
    }
}

/// Operators, or a value to be equal to.
fn conditions(at: &str, element: &Element<'_>) -> Result<Vec<Condition>, Problems> {
    match (element.kind, operators_of(element)) {
        (_, Some(operators)) => operators_on(at, operators),
        (Kind::Regex, None) => {
            Ok(vec![Condition::Test(Test::Matches(Pattern::literal(element).map_err(told(at))?))])
        }
        _ => Ok(vec![equal(at, element)?]),
    }
}

/// The document, if it begins with an operator.
fn operators_of<'a>(element: &Element<'a>) -> Option<Document<'a>> {
    let document = element.as_document().filter(|_| element.kind == Kind::Document)?;
    let first = document.elements().next()?.ok()?;
    first.name.starts_with(b"$").then_some(document)
}

fn operators_on(at: &str, operators: Document<'_>) -> Result<Vec<Condition>, Problems> {
    let found = each(operators, |operator| {
        let name = name(at, operator)?;
        let at = format!("{at}.{name}");
        match name {
            "$regex" => pattern(&at, operator, operators).map(Some),
            "$options" if operators.get("$regex").ok().flatten().is_some() => Ok(None),
            "$options" => Err(vec![Problem::new(at, "stands without `$regex`")]),
            _ => condition(&at, name, operator).map(Some),
        }
    })?;
    Ok(found.into_iter().flatten().flatten().collect())
}

fn condition(at: &str, name: &str, operand: &Element<'_>) -> Result<Vec<Condition>, Problems> {
    let compare = |comparison| compared(at, comparison, operand);
    let one = |test| vec![Condition::Test(test)];
    Ok(match name {
        "$eq" => vec![Condition::Test(Test::Compare(Comparison::Equal, value(at, operand)?))],
        "$ne" => vec![Condition::Not(vec![compare(Comparison::Equal)?])],
        "$gt" => vec![compare(Comparison::Greater)?],
        "$gte" => vec![compare(Comparison::GreaterOrEqual)?],
        "$lt" => vec![compare(Comparison::Less)?],
        "$lte" => vec![compare(Comparison::LessOrEqual)?],
        "$in" => one(any_of(at, operand)?),
        "$nin" => vec![Condition::Not(one(any_of(at, operand)?))],
        "$exists" if is_true(operand) => one(Test::Exists),
        "$exists" => vec![Condition::Not(one(Test::Exists))],
        "$type" => one(Test::Type(super::types::kinds(at, operand)?)),
        "$size" => one(Test::Size(size(at, operand)?)),
        "$all" => all_of(at, operand)?,
        "$elemMatch" => one(element_match(at, operand)?),
        "$not" => vec![Condition::Not(negated(at, operand)?)],
        _ => return Err(unknown(at, name)),
    })
}

fn compared(at: &str, comparison: Comparison, operand: &Element<'_>) -> Result<Condition, Problems> {
    if operand.kind == Kind::Regex {
        return Err(vec![Problem::new(at, "takes no regular expression")]);
    }
    Ok(Condition::Test(Test::Compare(comparison, value(at, operand)?)))
}

fn equal(at: &str, operand: &Element<'_>) -> Result<Condition, Problems> {
    Ok(Condition::Test(Test::Compare(Comparison::Equal, value(at, operand)?)))
}

/// A value that others are compared with.
fn value(at: &str, operand: &Element<'_>) -> Result<Operand, Problems> {
    if operand.kind == Kind::Undefined {
        return Err(vec![Problem::new(at, "compares with undefined, which the server refuses")]);
    }
    Ok(Operand::new(operand))
}

fn any_of(at: &str, operand: &Element<'_>) -> Result<Test, Problems> {
    let (mut values, mut patterns) = (Vec::new(), Vec::new());
    each(list(at, operand)?, |element| {
        let at = format!("{at}[{}]", String::from_utf8_lossy(element.name));
        if operators_of(element).is_some() {
            return Err(vec![Problem::new(at, "an operator cannot stand in a list of values")]);
        }
        if element.kind == Kind::Regex {
            patterns.push(Pattern::literal(element).map_err(told(&at))?);
        } else {
            values.push(value(&at, element)?);
        }
        Ok(())
    })?;
    Ok(Test::In { values, patterns })
}

fn all_of(at: &str, operand: &Element<'_>) -> Result<Vec<Condition>, Problems> {
    let wanted = list(at, operand)?;
    if wanted.is_empty() {
        // Nothing has all of nothing, says the server.
        return Ok(vec![Condition::Test(Test::In { values: Vec::new(), patterns: Vec::new() })]);
    }
    each(wanted, |element| {
        let at = format!("{at}[{}]", String::from_utf8_lossy(element.name));
        let inner = operators_of(element).and_then(|operators| operators.get("$elemMatch").ok().flatten());
        match (inner, operators_of(element), element.kind) {
            (Some(inner), _, _) => Ok(Condition::Test(element_match(&format!("{at}.$elemMatch"), &inner)?)),
            (None, Some(_), _) => {
                Err(vec![Problem::new(at, "`$elemMatch` is the only operator that `$all` takes")])
            }
            (None, None, Kind::Regex) => {
                Ok(Condition::Test(Test::Matches(Pattern::literal(element).map_err(told(&at))?)))
            }
            _ => equal(&at, element),
        }
    })
}

/// On documents in an array, or, where it begins with an operator on values, on its values.
fn element_match(at: &str, operand: &Element<'_>) -> Result<Test, Problems> {
    let Some(inner) = operand.as_document().filter(|_| operand.kind == Kind::Document) else {
        return Err(expected(at, "a document", operand));
    };
    let is_around = |operators: Document<'_>| {
        let first = operators.elements().next().and_then(Result::ok);
        first.is_some_and(|first| matches!(first.name, b"$and" | b"$or" | b"$nor"))
    };
    match operators_of(operand).filter(|operators| !is_around(*operators)) {
        Some(operators) => operators_on(at, operators).map(Test::HasValue),
        None => document(at, inner).map(|expression| Test::HasDocument(Box::new(expression))),
    }
}

fn negated(at: &str, operand: &Element<'_>) -> Result<Vec<Condition>, Problems> {
    match (operand.kind, operators_of(operand)) {
        (_, Some(operators)) => operators_on(at, operators),
        (Kind::Regex, None) => conditions(at, operand),
        _ => Err(expected(at, "a document of operators, or a regular expression", operand)),
    }
}

fn pattern(at: &str, operand: &Element<'_>, beside: Document<'_>) -> Result<Vec<Condition>, Problems> {
    let options = beside.get("$options").ok().flatten();
    let pattern = Pattern::operators(operand, options.as_ref()).map_err(told(at))?;
    Ok(vec![Condition::Test(Test::Matches(pattern))])
}

fn size(at: &str, operand: &Element<'_>) -> Result<usize, Problems> {
    operand
        .as_integer()
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| expected(at, "a whole number, 0 at the least", operand))
}

/// As the server takes it for `$exists`.
fn is_true(operand: &Element<'_>) -> bool {
    match operand.kind {
        Kind::Null | Kind::Undefined => false,
        Kind::Boolean => operand.as_bool() == Some(true),
        Kind::Double => operand.as_f64() != Some(0.0),
        Kind::Int32 | Kind::Int64 => operand.as_integer() != Some(0),
        _ => true,
    }
}

fn list<'a>(at: &str, operand: &Element<'a>) -> Result<Document<'a>, Problems> {
    operand
        .as_document()
        .filter(|_| operand.kind == Kind::Array)
        .ok_or_else(|| expected(at, "a list", operand))
}

/// What comes of each element, or all their problems.
fn each<R>(
    document: Document<'_>,
    mut read: impl FnMut(&Element<'_>) -> Result<R, Problems>,
) -> Result<Vec<R>, Problems> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for element in document.elements() {
        match element.map_err(|error| vec![unreadable(&error)]).and_then(|element| read(&element)) {
            Ok(one) => found.push(one),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

fn name<'a>(at: &str, element: &Element<'a>) -> Result<&'a str, Problems> {
    element.name_str().map_err(|error| vec![Problem::new(at, error.to_string())])
}

fn unreadable(error: &raw::Error) -> Problem {
    Problem::new("rules", error.to_string())
}

fn unknown(at: &str, name: &str) -> Problems {
    vec![Problem::new(at, format!("`{name}` is unknown to filters, which take {OPERATORS}"))]
}

fn told(at: &str) -> impl Fn(String) -> Problems {
    let at = at.to_owned();
    move |reason| vec![Problem::new(&at, reason)]
}
