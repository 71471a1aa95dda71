//! What a request can be refused for, in the words of the account's language.

use std::fmt;

/// The language of messages to people.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Russian.
    Russian,
    /// Brazilian Portuguese.
    Portuguese,
}

impl Language {
    /// Every language, by its tag.
    pub const ALL: [(&'static str, Language); 3] = [
        ("en", Language::English),
        ("ru", Language::Russian),
        ("pt-BR", Language::Portuguese),
    ];

    /// The tag: `en`, `ru` or `pt-BR`.
    pub fn tag(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, language)| *language == self);
        found.map_or("en", |(tag, _)| tag)
    }

    /// The language with this tag, in any letter case.
    pub fn from_tag(tag: &str) -> Option<Language> {
        let found = Self::ALL.iter().find(|(t, _)| t.eq_ignore_ascii_case(tag));
        found.map(|&(_, language)| language)
    }
}

/// Why something cannot be.
///
/// `Display` is English; [`Error::words`] speaks the account's language.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Values that cannot be stored: the field of each, and what is wrong with it.
    Invalid(Vec<(Field, Flaw)>),
    /// There is no such object, it is deleted, or it is another account's.
    NotFound,
    /// A parameter that must be there is not.
    Missing(&'static str),
    /// The state of the object, or somebody else who works on it, forbids it.
    Conflict(Conflict),
    /// A parameter breaks a rule outside the fields of an object.
    Incorrect(Flaw),
    /// The same method was called too often.
    TooOften,
    /// Nothing was carried out because the disk, the database or this program failed. The inner
    /// text is for logs only.
    Internal(String),
}

/// What a value was given for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "their names say it, and Field::name in words")]
pub enum Field {
    Name,
    Text,
    Kind,
    From,
    RateLimit,
    RatePeriod,
    Deferred,
    Mclass,
    Validity,
    Ttl,
    Track,
    Shorten,
    Replace,
    Placeholders,
    Encoding,
    SkipHeader,
    Delimiter,
    Enclosure,
    File,
    Groups,
    Target,
    Status,
    Expires,
    Comment,
    Recipient,
    Number,
    NumberFrom,
    NumberTo,
    Settings,
    Prices,
    /// A field of a contact card, by its name.
    Card(&'static str),
    /// What a hook signs with.
    Secret,
    /// A list of contact cards.
    Cards,
}

impl Field {
    /// What it is called in English.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Name => "name",
            Field::Text => "text",
            Field::Kind => "type",
            Field::From => "sender",
            Field::RateLimit => "rate limit",
            Field::RatePeriod => "rate period",
            Field::Deferred => "time of sending",
            Field::Mclass => "message class",
            Field::Validity => "validity",
            Field::Ttl => "time to live",
            Field::Track => "tracking of recipients",
            Field::Shorten => "shortening of links",
            Field::Replace => "replacing",
            Field::Placeholders => "placeholders flag",
            Field::Encoding => "encoding",
            Field::SkipHeader => "skipping of the header",
            Field::Delimiter => "delimiter",
            Field::Enclosure => "enclosure",
            Field::File => "file",
            Field::Groups => "contact groups",
            Field::Target => "target",
            Field::Status => "status",
            Field::Expires => "last day",
            Field::Comment => "comment",
            Field::Recipient => "recipient",
            Field::Number => "number",
            Field::NumberFrom => "first number",
            Field::NumberTo => "last number",
            Field::Settings => "settings",
            Field::Prices => "prices",
            Field::Card(name) => name,
            Field::Secret => "secret",
            Field::Cards => "list of cards",
        }
    }
}

/// What forbids a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Conflict {
    /// Recipients are being added.
    Locked,
    /// The campaign is no longer new.
    NotNew,
    /// The campaign has no recipients.
    NoRecipients,
    /// The balance does not cover the campaign.
    Balance,
    /// The campaign has been started, or is about to be.
    Started,
    /// The account's stop list has not been loaded for longer than the account allows.
    StopListOld,
}

/// What is wrong with a value.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Flaw {
    /// It must be there.
    Required,
    /// It has more characters than so many.
    TooLong(usize),
    /// It must be one of these.
    OneOf(&'static str),
    /// It must lie between these.
    Between(i64, i64),
    /// It is no time of the form `YYYY-MM-DD HH:MM:SS`.
    NotATime,
    /// It is earlier than an hour or later than 14 days from now.
    OutsideDeferral,
    /// The sender's name is not registered.
    UnknownSender,
    /// More than so many messages in the period.
    RateAbove(i64),
    /// The text has none of our short links.
    NoShortLink,
    /// A template's text has no placeholder.
    NoPlaceholder,
    /// It must be a single character.
    OneCharacter,
    /// Delimiter and enclosure are the same.
    SameCharacter,
    /// None, or more than one kind of recipient source was sent.
    Sources,
    /// More than so many elements.
    TooMany(usize),
    /// A campaign of one message takes one recipient.
    SingleRecipient,
    /// The number of a recipient cannot be used; the reason's English words.
    Number(&'static str),
    /// It is taken.
    Taken,
    /// Another contact group has this name.
    GroupTaken,
    /// It is no web address.
    NotAUrl,
    /// The file cannot be read; what is wrong with it.
    File(String),
    /// It has a wrong form.
    Malformed,
    /// Nothing of this kind is kept.
    NotKept,
}

impl Error {
    /// One wrong field.
    pub(crate) fn invalid(field: Field, flaw: Flaw) -> Error {
        Error::Invalid(vec![(field, flaw)])
    }

    /// What to tell a person, in one sentence.
    pub fn words(&self, language: Language) -> String {
        let of = |words: [&str; 3]| words[language as usize].to_owned();
        match self {
            // The Portuguese sentences of these two errors are the live service's: clients compare
            // them.
            Error::Invalid(_) => of([
                "One or more fields hold values that cannot be used. Check the errors and try again.",
                "Одно или несколько полей содержат недопустимые значения. Проверьте ошибки и повторите.",
                "Um ou mais campos contêm dados incorretos. Verifique os erros e tente novamente.",
            ]),
            Error::NotFound => of([
                "The record was not found.",
                "Запись не найдена.",
                "O registro não foi encontrado.",
            ]),
            Error::Missing(name) => match language {
                Language::English => format!("The parameter {name} is missing."),
                Language::Russian => format!("Не передан параметр {name}."),
                Language::Portuguese => format!("O parâmetro {name} não foi enviado."),
            },
            Error::Conflict(conflict) => of(conflict.words()),
            Error::Incorrect(flaw) => flaw.words(language),
            Error::TooOften => of([
                "The method is called too often. Try again later.",
                "Метод вызывается слишком часто. Повторите позже.",
                "O método é chamado com muita frequência. Tente mais tarde.",
            ]),
            Error::Internal(_) => of([
                "The request could not be carried out because of an internal fault.",
                "Запрос не выполнен из-за внутренней ошибки.",
                "O pedido não foi executado por uma falha interna.",
            ]),
        }
    }
}

impl Conflict {
    fn words(self) -> [&'static str; 3] {
        match self {
            Conflict::Locked => [
                "Recipients are being added to the campaign. Try again when that is done.",
                "В кампанию добавляются получатели. Повторите по окончании.",
                "Destinatários estão sendo adicionados à campanha. Tente novamente depois.",
            ],
            Conflict::StopListOld => [
                "The stop list has not been loaded for too long. Load it anew, then send.",
                "Стоп-лист слишком давно не обновлялся. Загрузите его заново и повторите отправку.",
                "A lista de bloqueio não é carregada há muito tempo. Carregue-a e envie novamente.",
            ],
            Conflict::NotNew => [
                "The status of the campaign does not allow this.",
                "Статус кампании не позволяет выполнить действие.",
                "O status da campanha não permite esta ação.",
            ],
            Conflict::NoRecipients => [
                "The campaign has no recipients.",
                "В кампании нет получателей.",
                "A campanha não tem destinatários.",
            ],
            Conflict::Balance => [
                "The balance does not cover the cost of the campaign.",
                "Недостаточно средств для отправки кампании.",
                "O saldo não cobre o custo da campanha.",
            ],
            Conflict::Started => [
                "The campaign has been started or starts within 5 minutes.",
                "Кампания уже запущена или начнётся менее чем через 5 минут.",
                "A campanha já começou ou começa em menos de 5 minutos.",
            ],
        }
    }
}

impl Flaw {
    /// What to tell a person, in one sentence.
    pub fn words(&self, language: Language) -> String {
        let of = |words: [&str; 3]| words[language as usize].to_owned();
        let with = |words: [&str; 3], value: &dyn fmt::Display| {
            words[language as usize].replace("{}", &value.to_string())
        };
        match self {
            Flaw::Required => of([
                "This field is required.",
                "Обязательное поле.",
                "Campo obrigatório.",
            ]),
            Flaw::TooLong(most) => with(
                [
                    "At most {} characters are allowed.",
                    "Допускается не более {} символов.",
                    "São permitidos no máximo {} caracteres.",
                ],
                most,
            ),
            Flaw::OneOf(values) => with(
                [
                    "The value must be one of: {}.",
                    "Значение должно быть одним из: {}.",
                    "O valor deve ser um destes: {}.",
                ],
                values,
            ),
            Flaw::Between(least, most) => with(
                [
                    "The value must be a number from {}.",
                    "Значение должно быть числом от {}.",
                    "O valor deve ser um número de {}.",
                ],
                &match language {
                    Language::English => format!("{least} to {most}"),
                    Language::Russian => format!("{least} до {most}"),
                    Language::Portuguese => format!("{least} a {most}"),
                },
            ),
            Flaw::NotATime => of([
                "The time must have the form YYYY-MM-DD HH:MM:SS.",
                "Время должно иметь вид ГГГГ-ММ-ДД ЧЧ:ММ:СС.",
                "A data deve ter o formato AAAA-MM-DD HH:MM:SS.",
            ]),
            Flaw::OutsideDeferral => of([
                "The time must be at least an hour and at most 14 days ahead.",
                "Время должно быть не ранее чем через час и не позднее чем через 14 дней.",
                "A data deve estar entre uma hora e 14 dias à frente.",
            ]),
            Flaw::UnknownSender => of([
                "The sender's name is not registered.",
                "Подпись отправителя не зарегистрирована.",
                "O remetente não está registrado.",
            ]),
            Flaw::RateAbove(most) => with(
                [
                    "At most {} messages are allowed in this period.",
                    "За этот период допускается не более {} сообщений.",
                    "São permitidas no máximo {} mensagens neste período.",
                ],
                most,
            ),
            Flaw::NoShortLink => of([
                "Recipients can be tracked only if the text has a short link of this service.",
                "Отслеживание возможно, только если в тексте есть короткая ссылка сервиса.",
                "O rastreamento exige um link curto deste serviço no texto.",
            ]),
            Flaw::NoPlaceholder => of([
                "The text of a template campaign must have a placeholder such as {name}.",
                "В тексте шаблонной кампании должна быть переменная, например {name}.",
                "O texto de uma campanha modelo deve ter uma variável como {name}.",
            ]),
            Flaw::OneCharacter => of([
                "The value must be a single character.",
                "Значение должно быть одним символом.",
                "O valor deve ser um único caractere.",
            ]),
            Flaw::SameCharacter => of([
                "Delimiter and enclosure must differ.",
                "Разделитель колонок и разделитель текста должны различаться.",
                "O delimitador e o separador de texto devem ser diferentes.",
            ]),
            Flaw::Sources => of([
                "Send exactly one kind of recipients: numbers, contacts, contact groups or a file.",
                "Передайте получателей ровно одним способом: номера, контакты, группы контактов или файл.",
                "Envie exatamente um tipo de destinatários: números, contatos, grupos de contatos ou arquivo.",
            ]),
            Flaw::TooMany(most) => with(
                [
                    "At most {} elements are allowed in one request.",
                    "В одном запросе допускается не более {} элементов.",
                    "São permitidos no máximo {} elementos por pedido.",
                ],
                most,
            ),
            Flaw::SingleRecipient => of([
                "A campaign of type 1 takes one recipient.",
                "В кампании типа 1 может быть только один получатель.",
                "Uma campanha do tipo 1 aceita um destinatário.",
            ]),
            Flaw::Number(reason) => with(
                [
                    "The number cannot be used: {}.",
                    "Номер не может быть использован: {}.",
                    "O número não pode ser usado: {}.",
                ],
                reason,
            ),
            Flaw::Taken => of([
                "The value is already taken.",
                "Значение уже занято.",
                "O valor já está em uso.",
            ]),
            Flaw::GroupTaken => of([
                "There is a group of this name already. Choose another one.",
                "Группа с таким именем уже существует. Выберите другое имя.",
                "Grupo com nome idêntico já existe. Por favor, escolha um nome único.",
            ]),
            Flaw::NotAUrl => of([
                "The value must be a web address (http or https).",
                "Значение должно быть веб-адресом (http или https).",
                "O valor deve ser um endereço web (http ou https).",
            ]),
            Flaw::File(words) => with(
                [
                    "The file cannot be used: {}.",
                    "Файл не может быть использован: {}.",
                    "O arquivo não pode ser usado: {}.",
                ],
                &words.trim_end_matches('.'),
            ),
            Flaw::Malformed => of([
                "The value has a wrong form.",
                "Значение имеет неверный формат.",
                "O valor tem um formato inválido.",
            ]),
            Flaw::NotKept => of([
                "Photos are not kept here. Leave it out.",
                "Фотографии здесь не хранятся. Не передавайте её.",
                "Fotos não são armazenadas aqui. Não envie a foto.",
            ]),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Internal(cause) => f.write_str(cause),
            Error::Invalid(fields) => {
                for (at, (field, flaw)) in fields.iter().enumerate() {
                    let gap = if at == 0 { "" } else { " " };
                    write!(
                        f,
                        "{gap}{}: {}",
                        field.name(),
                        flaw.words(Language::English)
                    )?;
                }
                Ok(())
            }
            other => f.write_str(&other.words(Language::English)),
        }
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::Internal(error.to_string())
    }
}

impl From<recipients_batcher::Error> for Error {
    fn from(error: recipients_batcher::Error) -> Error {
        Error::Internal(error.to_string())
    }
}
