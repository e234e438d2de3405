//! Whether what an HTTP interface answers is what its OpenAPI description says.

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// An interface's description.
pub struct Description(Value);

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// `null` if there is no body.
    pub body: Value,
}

impl Answer {
    /// The status, and the last word of the problem's type.
    pub fn problem(&self) -> (u16, &str) {
        let kind = self.body["type"].as_str().unwrap_or_else(|| panic!("no problem: {self:?}"));
        (self.status, kind.rsplit(':').next().unwrap())
    }
}

impl Description {
    pub fn new(yaml: &str) -> Self {
        let options = serde_yaml::options! { strict_booleans: true };
        Self(serde_yaml::from_str_with_options(yaml, options).unwrap())
    }

    /// The answer to a request, whose status, type and body have to be described.
    pub async fn check(&self, method: &Method, path: &str, response: Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        let answer = Answer { status, headers, body };
        self.check_answer(method, path, &answer);
        answer
    }

    fn check_answer(&self, method: &Method, path: &str, answer: &Answer) {
        let operations = &self.0["paths"][path];
        // A method that is not there is described with any that is.
        let operation = match &operations[method.as_str().to_lowercase()] {
            Value::Null => operations.as_object().and_then(|all| all.values().next()),
            operation => Some(operation),
        };
        let operation = operation.unwrap_or_else(|| panic!("{path} is not described"));
        let response = self.resolve(&operation["responses"][answer.status.to_string()]);
        assert!(response.is_object(), "{method} {path} answers {} unexpectedly", answer.status);
        let Some(content) = response.get("content") else {
            assert_eq!(answer.body, Value::Null, "{method} {path}");
            return;
        };
        let media_type = answer.headers["content-type"].to_str().unwrap();
        let schema = json!({ "components": self.0["components"], "allOf": [content[media_type]["schema"]] });
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(content[media_type].is_object(), "{method} {path}: {media_type}");
        if let Err(error) = validator.validate(&answer.body) {
            panic!("{method} {path} answers {}: {error}", answer.status);
        }
    }

    /// Every path with every method that it has.
    pub fn operations(&self) -> Vec<(Method, String)> {
        let paths = self.0["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase().parse().unwrap(), path.clone()))
        });
        operations.collect()
    }

    /// The type of the bodies that an operation takes.
    pub fn body_type(&self, method: &Method, path: &str) -> Option<&str> {
        let operation = &self.0["paths"][path][method.as_str().to_lowercase()];
        operation["requestBody"]["content"].as_object()?.keys().next().map(String::as_str)
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => value,
        }
    }
}
