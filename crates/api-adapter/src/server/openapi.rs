//! The description of the API for programs (OpenAPI 3.1), served at `/openapi.json`.
//!
//! What methods there are, what they take and what they answer stands in the files of the folder
//! `openapi`; tests hold them against the router and against real answers.

use crate::ApiCode;
use recipients_core::Code;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::encoding::EncodingBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, ParameterStyle, PathItemBuilder,
    PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApiBuilder, Ref, RefOr, Required, ServerBuilder,
};

/// What methods there are, what they are for, and what they take.
const METHODS: &str = include_str!("openapi/methods.tsv");

/// What methods answer, by their names: examples of `data` that show what may be null or absent. The test
/// `answers_are_as_described` of the command line writes them down anew when it is told to.
const ANSWERS: &str = include_str!("openapi/answers.json");

struct Method {
    /// As `campaign/addRecipients`.
    name: &'static str,
    summary: &'static str,
    params: Vec<Param>,
}

struct Param {
    /// With dots before what stands in brackets on the wire.
    path: &'static str,
    is_required: bool,
    kind: &'static str,
    words: &'static str,
}

/// Every method.
fn methods() -> Vec<Method> {
    let mut methods: Vec<Method> = Vec::new();
    for line in METHODS.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        match (field(), methods.last_mut()) {
            ("", Some(method)) => {
                let path = field();
                method.params.push(Param {
                    path: path.trim_end_matches('!'),
                    is_required: path.ends_with('!'),
                    kind: field(),
                    words: field(),
                });
            }
            (name, _) => methods.push(Method {
                name,
                summary: field(),
                params: Vec::new(),
            }),
        }
    }
    methods
}

/// Codes of requests, in words.
fn codes() -> String {
    let all = ApiCode::ALL.map(|code| format!("{} {}", code as u16, code.words()));
    all.join("; ")
}

/// Codes of recipients, in words.
fn recipient_codes() -> String {
    let all = Code::ALL.map(|code| format!("{} {code}", code.as_u8()));
    all.join("; ")
}

/// A schema of these codes.
fn one_of(codes: impl IntoIterator<Item = ApiCode>) -> ObjectBuilder {
    typed(Type::Integer).enum_values(Some(codes.into_iter().map(|code| code as u16)))
}

fn typed(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

/// The schema of a parameter, by the name of its kind.
fn schema_of_param(kind: &str, words: &str) -> Schema {
    let words = Some(words).filter(|words| !words.is_empty());
    let text = || typed(Type::String).description(words);
    let object = || typed(Type::Object).description(words);
    let any = || ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    let list = |of: ObjectBuilder| ArrayBuilder::new().items(of).description(words).into();
    match kind {
        "number" => typed(Type::Integer).description(words).into(),
        // 0 or 1.
        "flag" => {
            let flag = typed(Type::Integer).enum_values(Some([0, 1]));
            flag.description(words).into()
        }
        // In the account's zone.
        "time" => text().examples([Json::from("2026-11-25 13:50:00")]).into(),
        // Texts, or one text with commas between.
        "list" => list(any()),
        "maps" => list(typed(Type::Object)),
        // Names and values.
        "map" => {
            let free = AdditionalProperties::FreeForm(true);
            object().additional_properties(Some(free)).into()
        }
        // In a multipart body.
        "file" => text().content_media_type("application/octet-stream").into(),
        _ => match kind.strip_prefix("sort ") {
            Some(keys) => {
                let direction = || typed(Type::String).enum_values(Some(["ASC", "DESC"]));
                let keys = keys.split(' ');
                let all = keys.fold(object(), |all, key| all.property(key, direction()));
                all.into()
            }
            None => text().into(),
        },
    }
}

/// Parameters as a tree: names to kinds, or to more names.
#[derive(Default)]
struct Node {
    leaf: Option<(&'static str, &'static str)>,
    required: bool,
    inner: Vec<(&'static str, Node)>,
}

impl Node {
    fn insert(&mut self, path: &'static str, param: &Param) {
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let at = match self.inner.iter().position(|(known, _)| *known == name) {
            Some(at) => at,
            None => {
                self.inner.push((name, Node::default()));
                self.inner.len() - 1
            }
        };
        let node = &mut self.inner[at].1;
        node.required |= param.is_required;
        match rest {
            Some(rest) => node.insert(rest, param),
            // Its members follow.
            None if param.kind == "group" => {}
            None => node.leaf = Some((param.kind, param.words)),
        }
    }

    fn schema(&self) -> Schema {
        match self.leaf {
            Some((kind, words)) => schema_of_param(kind, words),
            None => {
                let mut object = typed(Type::Object);
                for (name, node) in &self.inner {
                    object = object.property(*name, node.schema());
                    if node.required {
                        object = object.required(*name);
                    }
                }
                object.build().into()
            }
        }
    }
}

/// A schema that all examples meet. What is null in some of them may be null; what is null in all of them
/// may be anything.
fn schema_of(examples: &[&Json]) -> Schema {
    let there: Vec<&Json> = examples
        .iter()
        .copied()
        .filter(|one| !one.is_null())
        .collect();
    let mut kinds: Vec<Type> = Vec::new();
    for one in &there {
        let kind = match one {
            Json::Bool(_) => Type::Boolean,
            Json::Number(_) => Type::Integer,
            Json::Array(_) => Type::Array,
            Json::Object(_) => Type::Object,
            _ => Type::String,
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let Some(kind) = kinds.first().cloned() else {
        return ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .into();
    };
    if there.len() < examples.len() {
        kinds.push(Type::Null);
    }
    let kinds = match kinds.len() {
        1 => SchemaType::Type(kind.clone()),
        _ => SchemaType::Array(kinds),
    };
    match kind {
        Type::Array => {
            let items = there.iter().filter_map(|one| one.as_array()).flatten();
            let items = schema_of(&items.collect::<Vec<&Json>>());
            ArrayBuilder::new()
                .items(RefOr::T(items))
                .schema_type(kinds)
                .into()
        }
        Type::Object => {
            let objects: Vec<&serde_json::Map<String, Json>> =
                there.iter().filter_map(|one| one.as_object()).collect();
            let mut object = ObjectBuilder::new().schema_type(kinds);
            let mut known: Vec<&String> = Vec::new();
            for name in objects.iter().flat_map(|object| object.keys()) {
                if known.contains(&name) {
                    continue;
                }
                known.push(name);
                let values: Vec<&Json> = objects.iter().filter_map(|one| one.get(name)).collect();
                object = object.property(name, schema_of(&values));
                if values.len() == objects.len() {
                    object = object.required(name);
                }
            }
            object.into()
        }
        _ => ObjectBuilder::new().schema_type(kinds).into(),
    }
}

/// The whole description, as JSON.
pub(super) fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let document = document();
        serde_json::to_string(&document).expect("it is made of texts")
    })
}

fn document() -> utoipa::openapi::OpenApi {
    let answers: BTreeMap<String, Vec<Json>> =
        serde_json::from_str(ANSWERS).expect("a test has read it");
    let mut paths = PathsBuilder::new();
    let mut tags: Vec<String> = Vec::new();
    for method in &methods() {
        let (module, short) = method.name.split_once('/').expect("module and method");
        if !tags.iter().any(|tag| tag == module) {
            tags.push(module.to_owned());
        }
        let answers = &answers[method.name];
        let operation = |verb: &str| {
            OperationBuilder::new()
                .tag(module)
                .operation_id(Some(format!("{module}_{short}{verb}")))
                .summary(Some(method.summary))
                .response("200", envelope(method, answers))
                .response(
                    "413",
                    ResponseBuilder::new().description("The body is too large."),
                )
        };
        let post = operation("").request_body(body(method));
        let mut item = PathItemBuilder::new().operation(HttpMethod::Post, post);
        if !method.needs_file() {
            let get = operation("_get").parameters(Some(query(method)));
            item = item.operation(HttpMethod::Get, get);
        }
        paths = paths.path(format!("/service/{}", method.name), item.build());
    }
    for (path, summary, kind) in [
        (
            "/healthz",
            "Whether the server is well (200) or not (503).",
            "text/plain",
        ),
        (
            "/metrics",
            "What it has done, for Prometheus.",
            "text/plain",
        ),
        ("/openapi.json", "This description.", "application/json"),
    ] {
        let answer = ResponseBuilder::new()
            .description(summary)
            .content(kind, ContentBuilder::new().build());
        let operation = OperationBuilder::new()
            .summary(Some(summary))
            .securities(Some([SecurityRequirement::default()]))
            .response("200", answer);
        let item = PathItemBuilder::new().operation(HttpMethod::Get, operation);
        paths = paths.path(path, item.build());
    }
    let follow = OperationBuilder::new()
        .summary(Some(
            "Leads from a short link to its target, and counts the click.",
        ))
        .securities(Some([SecurityRequirement::default()]))
        .parameter(in_path("code", Type::String))
        .response("302", ResponseBuilder::new().description("The target."))
        .response(
            "404",
            ResponseBuilder::new().description("There is no such link, or it does not work."),
        );
    paths = paths.path(
        "/l/{code}",
        PathItemBuilder::new()
            .operation(HttpMethod::Get, follow)
            .build(),
    );
    let rejects = OperationBuilder::new()
        .summary(Some(
            "The rows that a task has rejected, as `recipients check --rejected` writes them.",
        ))
        .parameter(in_path("id", Type::Integer))
        .response(
            "200",
            ResponseBuilder::new().description("The rows, or an envelope with an error."),
        );
    paths = paths.path(
        "/tasks/{id}/rejects.csv",
        PathItemBuilder::new()
            .operation(HttpMethod::Get, rejects)
            .build(),
    );
    let key = SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description(
        "apiKey",
        "Of the account. It may stand in a form or a multipart body as well.",
    )));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Campaign API")
                .version("v1")
                .description(Some(format!(
                    "Every method is called by POST or GET, in any letter case; parameters stand in the \
                     address or the body, with brackets as PHP has them (`data[text]`), or in a JSON body. \
                     `output=xml` gives XML. Every answer is an envelope with HTTP status 200. Codes: \
                     {}. Codes of recipients: {}.",
                    codes(),
                    recipient_codes()
                ))),
        )
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .tags(Some(tags.into_iter().map(|tag| TagBuilder::new().name(tag).build())))
        .security(Some([SecurityRequirement::new::<_, [&str; 0], _>("apiKey", [])]))
        .components(Some(
            ComponentsBuilder::new()
                .security_scheme("apiKey", key)
                .schema("Envelope", failed_envelope())
                .build(),
        ))
        .paths(paths)
        .build()
}

fn in_path(name: &str, kind: Type) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(typed(kind)))
}

impl Method {
    /// Its parameters as a tree.
    fn tree(&self) -> Node {
        let mut tree = Node::default();
        for param in &self.params {
            tree.insert(param.path, param);
        }
        tree
    }

    fn needs_file(&self) -> bool {
        let is_file = |param: &Param| param.kind == "file" && param.is_required;
        self.params.iter().any(is_file)
    }
}

impl Node {
    /// Whether it stands in brackets.
    fn is_map(&self) -> bool {
        let is_map = |(kind, _): (&str, &str)| kind == "map" || kind.starts_with("sort");
        self.leaf.is_none_or(is_map)
    }
}

/// What a method takes in its address.
fn query(method: &Method) -> Vec<ParameterBuilder> {
    let all = method.tree().inner.into_iter();
    let all = all.filter(|(_, node)| node.leaf.is_none_or(|(kind, _)| kind != "file"));
    all.map(|(name, node)| {
        let required = match node.required {
            true => Required::True,
            false => Required::False,
        };
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(required)
            .schema(Some(node.schema()));
        match node.is_map() {
            true => parameter
                .style(Some(ParameterStyle::DeepObject))
                .explode(Some(true)),
            false => parameter,
        }
    })
    .collect()
}

/// What a method takes in its body.
fn body(method: &Method) -> Option<RequestBody> {
    let tree = method.tree();
    let has_file = method.params.iter().any(|param| param.kind == "file");
    if tree.inner.is_empty() {
        return None;
    }
    let content = || {
        let mut content = ContentBuilder::new().schema(Some(tree.schema()));
        for (name, node) in &tree.inner {
            if node.is_map() {
                let brackets = EncodingBuilder::new()
                    .style(Some(ParameterStyle::DeepObject))
                    .explode(Some(true));
                content = content.encoding(*name, brackets);
            }
        }
        content.build()
    };
    let mut body = RequestBodyBuilder::new();
    if has_file {
        body = body.content("multipart/form-data", content());
    }
    if method.needs_file() {
        return Some(body.build());
    }
    let plain = ContentBuilder::new().schema(Some(tree.schema())).build();
    Some(
        body.content("application/x-www-form-urlencoded", content())
            .content("application/json", plain)
            .build(),
    )
}

fn envelope_of(code: ObjectBuilder, data: impl Into<RefOr<Schema>>) -> Schema {
    typed(Type::Object)
        .property("code", code)
        .required("code")
        .property("data", data)
        .required("data")
        .property(
            "message",
            typed(Type::String).description(Some("For people; empty with code 0.")),
        )
        .required("message")
        .build()
        .into()
}

fn failed_envelope() -> Schema {
    let failures = ApiCode::ALL.into_iter().filter(|code| !code.is_answer());
    let code = one_of(failures).description(Some(codes()));
    envelope_of(code, schema_of(&[]))
}

/// What a method answers: what it gives, or what was wrong.
fn envelope(method: &Method, answers: &[Json]) -> ResponseBuilder {
    let code = match method.name {
        "campaign/addRecipients" => one_of([ApiCode::Ok, ApiCode::Partly, ApiCode::Nothing]),
        "contactCard/import" => one_of([ApiCode::Background]),
        _ => one_of([ApiCode::Ok]),
    };
    let done = envelope_of(code, schema_of(&answers.iter().collect::<Vec<&Json>>()));
    let mut either = utoipa::openapi::schema::AnyOfBuilder::new().item(done);
    if method.name == "campaign/addRecipients" {
        let code = one_of([ApiCode::Background]);
        let task = typed(Type::Integer).description(Some("The number of a task."));
        either = either.item(envelope_of(code, Schema::from(task)));
    }
    let either = either.item(Ref::from_schema_name("Envelope"));
    let content = ContentBuilder::new().schema(Some(Schema::from(either.build())));
    ResponseBuilder::new()
        .description("What was asked for, or what was wrong.")
        .content("application/json", content.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_described_and_no_other() {
        let all = methods();
        let answers: BTreeMap<String, Vec<Json>> = serde_json::from_str(ANSWERS).unwrap();
        assert!(answers.keys().eq(all.iter().map(|method| method.name)));
        let mut described: Vec<String> = all
            .iter()
            .map(|method| method.name.to_ascii_lowercase())
            .collect();
        let mut routed: Vec<String> = super::super::methods::names().collect();
        described.sort();
        routed.sort();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_kind_is_known() {
        let kinds = [
            "text", "number", "flag", "time", "list", "map", "maps", "file", "group",
        ];
        for param in methods().iter().flat_map(|method| &method.params) {
            let is_known = kinds.contains(&param.kind) || param.kind.starts_with("sort ");
            assert!(is_known, "{}: {}", param.path, param.kind);
        }
    }

    #[test]
    fn it_is_json_of_the_right_version() {
        let document: Json = serde_json::from_str(text()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let create = &document["paths"]["/service/campaign/create"]["post"];
        let form = &create["requestBody"]["content"]["application/x-www-form-urlencoded"];
        assert_eq!(form["schema"]["properties"]["data"]["required"][0], "text");
        assert_eq!(form["encoding"]["data"]["style"], "deepObject");
    }
}
