//! The runtime's clients: `go/cri` and `go/libcni`, one JSON line per question and answer.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A client program that answers line by line.
pub struct Client {
    child: Child,
    input: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    next: u64,
}

/// What came back: the answer, or the runtime's words.
#[derive(Debug, Clone)]
pub struct Answer {
    pub result: Result<Value, String>,
}

impl Answer {
    /// The answer of a request that must succeed.
    #[track_caller]
    pub fn ok(self) -> Value {
        self.result.unwrap_or_else(|error| panic!("the runtime says: {error}"))
    }

    /// The words of a request that must fail.
    #[track_caller]
    pub fn error(self) -> String {
        match self.result {
            Ok(answer) => panic!("it should have failed, but: {answer}"),
            Err(error) => error,
        }
    }
}

impl Client {
    pub fn start(command: &mut Command, log: File) -> Client {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("a client program");
        let input = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Client { child, input, answers, next: 0 }
    }

    /// Asks all at once; the answers are in the order of the questions.
    pub fn all(&mut self, requests: Vec<Value>) -> Vec<Answer> {
        let first = self.next;
        let mut text = String::new();
        for mut request in requests {
            request["id"] = json!(self.next);
            self.next += 1;
            let _ = writeln!(text, "{request}");
        }
        let input = self.input.as_mut().expect("the client's input is open until it is dropped");
        input.write_all(text.as_bytes()).expect("the client has ended; see its log");
        let mut found = HashMap::new();
        while (found.len() as u64) < self.next - first {
            let line = self.answers.next().expect("the client has ended; see its log").unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            let id = answer["id"].as_u64().unwrap_or(first);
            found.insert(id, read(&answer));
        }
        (first..self.next).filter_map(|id| found.remove(&id)).collect()
    }

    pub fn ask(&mut self, request: Value) -> Answer {
        self.all(vec![request]).remove(0)
    }
}

fn read(answer: &Value) -> Answer {
    let result = match answer["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(answer["ok"].clone()),
    };
    Answer { result }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
