//! What a line asks for.

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command<'l> {
    /// A text to go on from; empty to go on from where the session is.
    Text(&'l str),
    Set {
        name: &'static str,
        value: &'l str,
    },
    Do(Action),
}

/// A command without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Help,
    Ledger,
    Reset,
    Restore,
    Save,
    Settings,
}

/// What `/help` says of a command.
pub(crate) struct Entry {
    pub name: &'static str,
    /// What its value is called; empty without one.
    pub value: &'static str,
    pub about: &'static str,
    action: Option<Action>,
}

const fn setting(name: &'static str, value: &'static str, about: &'static str) -> Entry {
    Entry {
        name,
        value,
        about,
        action: None,
    }
}

const fn action(name: &'static str, action: Action, about: &'static str) -> Entry {
    Entry {
        name,
        value: "",
        about,
        action: Some(action),
    }
}

/// All commands.
pub(crate) const COMMANDS: [Entry; 13] = [
    setting(
        "temperature",
        "F",
        "divides the logits; 0 takes the most likely token every time",
    ),
    setting(
        "top-k",
        "N",
        "draws from the N most likely tokens; 0 for 256",
    ),
    setting(
        "top-p",
        "F",
        "draws from the fewest tokens with this probability together",
    ),
    setting(
        "penalty",
        "F",
        "makes the last 64 tokens less likely; 1 for no change",
    ),
    setting("seed", "N", "the same seed gives the same text"),
    setting("length", "N", "tokens of an answer at most"),
    setting("echo", "on|off", "whether what is typed is shown"),
    action("settings", Action::Settings, "shows all of these"),
    action("reset", Action::Reset, "forgets everything that was read"),
    action("save", Action::Save, "keeps the session"),
    action(
        "restore",
        Action::Restore,
        "goes on from the session that was kept",
    ),
    action(
        "ledger",
        Action::Ledger,
        "shows memory, tokens and what they cost",
    ),
    action("help", Action::Help, "shows this"),
];

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandError<'l> {
    Unknown(&'l str),
    /// It takes no value.
    Value(&'static str),
}

impl core::fmt::Display for CommandError<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(
                    f,
                    "no command /{name}; /help lists them, and a text that begins with / is typed with //"
                )
            }
            Self::Value(name) => write!(f, "/{name} takes no value"),
        }
    }
}

impl<'l> Command<'l> {
    /// Reads a line: a text, unless it begins with one `/`.
    pub fn parse(line: &'l str) -> Result<Self, CommandError<'l>> {
        let Some(command) = line.strip_prefix('/') else {
            return Ok(Self::Text(line));
        };
        if command.starts_with('/') {
            return Ok(Self::Text(command));
        }
        let (name, value) = command.split_once(' ').unwrap_or((command, ""));
        let value = value.trim();
        let entry = COMMANDS
            .iter()
            .find(|entry| entry.name == name)
            .ok_or(CommandError::Unknown(name))?;
        match entry.action {
            None => Ok(Self::Set {
                name: entry.name,
                value,
            }),
            Some(action) if value.is_empty() => Ok(Self::Do(action)),
            Some(_) => Err(CommandError::Value(entry.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(Command::parse(""), Ok(Command::Text("")));
        assert_eq!(Command::parse(" /help"), Ok(Command::Text(" /help")));
        assert_eq!(Command::parse("//help"), Ok(Command::Text("/help")));
        assert_eq!(Command::parse("/help"), Ok(Command::Do(Action::Help)));
        assert_eq!(Command::parse("/reset  "), Ok(Command::Do(Action::Reset)));
        assert_eq!(
            Command::parse("/temperature  0.8 "),
            Ok(Command::Set {
                name: "temperature",
                value: "0.8"
            })
        );
        assert_eq!(
            Command::parse("/seed"),
            Ok(Command::Set {
                name: "seed",
                value: ""
            })
        );
        assert_eq!(
            Command::parse("/reset now"),
            Err(CommandError::Value("reset"))
        );
        assert_eq!(Command::parse("/"), Err(CommandError::Unknown("")));
        assert_eq!(Command::parse("/Help"), Err(CommandError::Unknown("Help")));
    }
}
