//! Webhooks: events are posted until they are acknowledged.
//!
//! Each hook for which something is due has a thread, so that a slow one keeps no other waiting. It
//! posts some events side by side and writes down what came of them, again and again, until nothing is
//! due. A crash between delivery and that makes the same event due again.

use crate::encode;
use crate::envelope::as_xml;
use recipients_campaigns::{Campaigns, Event, Hook, HookFormat};
use serde_json::{Value as Json, json};
use sha1::{Digest, Sha1};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_millis(200);

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hooks that are served at a time; others wait.
const BUSY: usize = 32;

/// Events of a hook that are posted side by side, and those that are fetched at a time.
const ABREAST: usize = 8;
const ROUND: usize = 64;

/// Bytes of an answer that are read past.
const MOST_ANSWER: u64 = 16 << 10;

const EVENT_TYPE: &str = "sms-delivery-report";

/// Starts the thread that starts the others.
pub(super) fn begin(
    campaigns: &Arc<Campaigns>,
    allow_private: bool,
    stop: &Arc<AtomicBool>,
) -> io::Result<JoinHandle<()>> {
    let (campaigns, stop) = (Arc::clone(campaigns), Arc::clone(stop));
    let agent = agent(allow_private);
    let thread = thread::Builder::new().name("webhooks".to_owned());
    thread.spawn(move || {
        let mut busy: HashMap<i64, JoinHandle<()>> = HashMap::new();
        while !stop.load(Ordering::Relaxed) {
            busy.retain(|_, thread| !thread.is_finished());
            match campaigns.due_hooks() {
                Ok(due) => {
                    for hook in due {
                        if busy.contains_key(&hook.id) || busy.len() >= BUSY {
                            continue;
                        }
                        let id = hook.id;
                        let (campaigns, stop) = (Arc::clone(&campaigns), Arc::clone(&stop));
                        let agent = agent.clone();
                        let thread = thread::Builder::new().name("webhook".to_owned());
                        match thread.spawn(move || serve(&campaigns, &agent, &hook, &stop)) {
                            Ok(thread) => drop(busy.insert(id, thread)),
                            Err(error) => tracing::error!(%error, "a thread cannot be started"),
                        }
                    }
                }
                Err(error) => tracing::error!(work = "webhooks", %error, "it is tried again"),
            }
            thread::sleep(LOOK);
        }
        // What they are at takes no longer than a receiver may; what is not waited for is posted again.
        for (_, thread) in busy {
            let _ = thread.join();
        }
    })
}

/// Posts what is due for a hook until nothing is.
fn serve(campaigns: &Campaigns, agent: &ureq::Agent, hook: &Hook, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let due = campaigns
            .expire_events(hook.id)
            .and_then(|_| campaigns.due_events(hook.id, ROUND));
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(hook = hook.id, %error, "events cannot be read");
                thread::sleep(Duration::from_millis(campaigns.backoff().unsigned_abs()));
                return;
            }
        };
        if due.is_empty() {
            return;
        }
        for some in due.chunks(ABREAST) {
            let outcomes: Vec<(Event, bool)> = thread::scope(|scope| {
                let begin = |event| {
                    let thread = thread::Builder::new().name("webhook".to_owned());
                    thread.spawn_scoped(scope, move || post(agent, hook, event))
                };
                let threads: Vec<_> = some.iter().map(begin).collect();
                let posted = some.iter().zip(threads).filter_map(|(event, thread)| {
                    // One that could not be begun is due as it was.
                    let posted = thread.ok()?.join().unwrap_or(false);
                    Some((event.clone(), posted))
                });
                posted.collect()
            });
            let failed = outcomes.iter().filter(|(_, posted)| !posted).count();
            if failed > 0 {
                tracing::warn!(hook = hook.id, failed, "events were not taken");
            }
            // What is acknowledged is not posted again because a disk is full.
            while let Err(error) = campaigns.settle_events(hook.id, &outcomes) {
                tracing::error!(hook = hook.id, %error, "it is tried again");
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(Duration::from_millis(campaigns.backoff().unsigned_abs()));
            }
            if stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// Whether the receiver has taken an event. It may lead on to another address once.
fn post(agent: &ureq::Agent, hook: &Hook, event: &Event) -> bool {
    let (kind, body) = body(hook, event);
    let began = Instant::now();
    let send = |url: &str| {
        let left = PATIENCE.saturating_sub(began.elapsed());
        let left = left.max(Duration::from_millis(1));
        let request = agent
            .post(url)
            .config()
            .timeout_per_call(Some(left))
            .build();
        let mut response = request.content_type(kind).send(body.as_bytes())?;
        // What is read to its end leaves the connection to the next event.
        let rest = response
            .body_mut()
            .with_config()
            .limit(MOST_ANSWER)
            .read_to_vec();
        drop(rest);
        Ok::<_, ureq::Error>(response)
    };
    let mut answer = send(&hook.url);
    if let Ok(response) = &answer
        && matches!(response.status().as_u16(), 301 | 302)
    {
        let target = response.headers().get("location");
        let target = target.and_then(|target| target.to_str().ok());
        let Some(target) = target.and_then(|target| led_to(&hook.url, target)) else {
            return false;
        };
        answer = send(&target);
    }
    answer.is_ok_and(|response| response.status().is_success())
}

/// Where a redirect leads, which may name the path only.
fn led_to(url: &str, target: &str) -> Option<String> {
    if target.starts_with("https://")
        || (target.starts_with("http://") && url.starts_with("http://"))
    {
        return Some(target.to_owned());
    }
    // Numbers that were to go encrypted do not go otherwise.
    let path = target
        .strip_prefix('/')
        .filter(|path| !path.starts_with('/'))?;
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    Some(format!("{scheme}://{host}/{path}"))
}

/// What stands for an event that its receiver can tell it by.
fn sign(event: &Event, created: &str, secret: &str) -> String {
    let signed = format!("{}|{}|{created}|{secret}", event.id, event.attempt);
    encode::hex(&Sha1::digest(signed.as_bytes()))
}

/// The type and the bytes of a body.
fn body(hook: &Hook, event: &Event) -> (&'static str, String) {
    let created = event.zone.write(event.created);
    let mut whole = json!({
        "eventId": event.id,
        "eventType": EVENT_TYPE,
        "eventCreateTs": created,
        "webhookId": hook.id,
        "attempt": event.attempt,
        "data": {
            "campaignId": event.campaign,
            "messageId": event.message,
            "segNum": event.segments,
            "statusUpdateTs": event.zone.write(event.updated),
            "status": event.status.name(),
            "to": event.number.to_string(),
        },
    });
    if let Some(secret) = &hook.secret {
        whole["sign"] = Json::from(sign(event, &created, secret));
    }
    match hook.format {
        HookFormat::Json => ("application/json; charset=utf-8", whole.to_string()),
        HookFormat::Xml => {
            let bytes = as_xml("webhook", &whole);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            ("text/xml; charset=utf-8", text)
        }
        HookFormat::Raw => {
            let mut form = String::new();
            write_form(&mut form, "", &whole);
            ("application/x-www-form-urlencoded", form)
        }
    }
}

/// Members in brackets, as PHP reads them.
fn write_form(form: &mut String, name: &str, value: &Json) {
    let text = match value {
        Json::Object(members) => {
            for (key, member) in members {
                let name = match name {
                    "" => key.clone(),
                    name => format!("{name}[{key}]"),
                };
                write_form(form, &name, member);
            }
            return;
        }
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    if !form.is_empty() {
        form.push('&');
    }
    encode::form(name, form);
    form.push('=');
    encode::form(&text, form);
}

fn agent(allow_private: bool) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // It would look names up for us.
        .proxy(None)
        .timeout_per_call(Some(PATIENCE))
        .max_idle_connections_per_host(ABREAST)
        .user_agent(concat!("recipients/", env!("CARGO_PKG_VERSION")))
        .build();
    let resolver = Public {
        names: DefaultResolver::default(),
        allow_private,
    };
    ureq::Agent::with_parts(config, DefaultConnector::default(), resolver)
}

/// Looks names up, and leaves out addresses that only this network can reach: the connection goes to
/// the address that was looked at.
#[derive(Debug)]
struct Public {
    names: DefaultResolver,
    allow_private: bool,
}

impl Resolver for Public {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let mut public = self.empty();
        for address in found.iter() {
            if self.allow_private || is_public(address.ip()) {
                public.push(*address);
            }
        }
        match public.is_empty() {
            true => Err(ureq::Error::HostNotFound),
            false => Ok(public),
        }
    }
}

/// Whether an address is one of the public Internet: none of those that RFC 6890 and its successors
/// set apart.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            // Global unicast, without what leads to IPv4 addresses by itself, and documentation.
            // 2001::/23 is set apart for protocols; 2002::/16 leads to IPv4.
            let is_special = first == 0x2002
                || (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
                || (first == 0x3fff && second < 0x1000);
            (first & 0xe000) == 0x2000 && !is_special
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipients_campaigns::{MessageStatus, Zone};
    use recipients_core::Msisdn;

    fn event() -> Event {
        let zone = Zone::named("UTC").unwrap();
        let at = |text: &str| zone.read(text).unwrap();
        Event {
            id: 26,
            attempt: 1,
            created: at("2026-01-15 11:42:28"),
            message: 5,
            campaign: 4,
            number: Msisdn::from_digits(b"380971112233").unwrap(),
            segments: 2,
            status: MessageStatus::Delivered,
            updated: at("2026-01-15 11:42:27"),
            zone,
        }
    }

    fn hook(format: HookFormat, secret: Option<&str>) -> Hook {
        Hook {
            id: 3,
            url: "http://example.com/a?b".to_owned(),
            format,
            secret: secret.map(str::to_owned),
            waiting: 0,
            lost: 0,
        }
    }

    /// The provider's own example of a signature.
    #[test]
    fn bodies_and_their_signature() {
        let (_, json) = body(&hook(HookFormat::Json, Some("secret123")), &event());
        assert_eq!(
            json,
            "{\"eventId\":26,\"eventType\":\"sms-delivery-report\",\
             \"eventCreateTs\":\"2026-01-15 11:42:28\",\"webhookId\":3,\"attempt\":1,\"data\":\
             {\"campaignId\":4,\"messageId\":5,\"segNum\":2,\
             \"statusUpdateTs\":\"2026-01-15 11:42:27\",\"status\":\"DELIVRD\",\
             \"to\":\"380971112233\"},\"sign\":\"5cdebbb611d765bad163d765e8637830b6fd4060\"}"
        );
        let (_, xml) = body(&hook(HookFormat::Xml, None), &event());
        assert!(
            xml.contains("<data><campaignId>4</campaignId>") && !xml.contains("sign"),
            "{xml}"
        );
        let (_, form) = body(&hook(HookFormat::Raw, None), &event());
        assert!(form.contains("&data%5Bstatus%5D=DELIVRD&"), "{form}");
    }

    #[test]
    fn private_addresses() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "2001:db8::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        let agent = agent(false);
        for url in [
            "http://127.0.0.1:9/",
            "http://localhost:9/",
            "http://[::1]:9/",
        ] {
            assert!(
                matches!(agent.get(url).call(), Err(ureq::Error::HostNotFound)),
                "{url}"
            );
        }
    }

    #[test]
    fn redirects() {
        assert_eq!(
            led_to("https://a.b:1/c?d", "/e").unwrap(),
            "https://a.b:1/e"
        );
        assert_eq!(led_to("http://a.b", "http://c/").unwrap(), "http://c/");
        for nowhere in ["//c/d", "e", "ftp://a", "", "http://c/"] {
            assert_eq!(led_to("https://a.b/", nowhere), None);
        }
    }
}
