//! Which tools there are in this run.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use yabby_agent::{Recall, ResultTool, SkillsSettings, Spawn};
use yabby_config::{AssistantSettings, Config, Environment, ExecSecurity, McpTransport, Paths, vars};
use yabby_store::Store;
use yabby_tools::{
    Exec, ExecSettings, FileRoot, FileSettings, Files, FolderVersions, Memory, MemorySettings, Registry, Remind,
    RemindSettings, RootAccess, SendMessage, Timers, Tool, VersionLimits,
    mcp::{self, FolderPins, McpSettings, Servers},
    web::{self, Brave, Provider, Searxng},
};

use crate::{
    assistant::{Ports, folder},
    clock,
};

/// How long the first turn waits for MCP servers.
const MCP: Duration = Duration::from_secs(5);

/// All tools of this run. What they share (programs in the background, indexes, connections) lives as long as this and its
/// clones.
#[derive(Clone)]
pub(crate) struct Toolbox {
    config: Arc<Config>,
    env: Environment,
    paths: Paths,
    store: Store,
    /// Tools of each agent, without those of MCP servers.
    by_agent: Arc<Mutex<HashMap<String, Vec<Arc<dyn Tool>>>>>,
    mcp: Arc<Servers>,
}

impl Toolbox {
    pub(crate) fn new(config: Arc<Config>, env: &Environment, paths: &Paths, store: Store) -> Self {
        let mcp = Arc::new(mcp_servers(&config, env, paths));
        Self {
            config,
            env: env.clone(),
            paths: paths.clone(),
            store,
            by_agent: Arc::default(),
            mcp,
        }
    }

    /// The tools of another config. Those of agents of which it says the same are kept, and so are MCP servers.
    pub(crate) async fn succeeded_by(&self, config: Arc<Config>) -> Self {
        let mut by_agent = self.by_agent.lock().await.clone();
        by_agent.retain(|agent, _| config.assistant(agent) == self.config.assistant(agent));
        let mcp = if config.mcp == self.config.mcp {
            Arc::clone(&self.mcp)
        } else {
            Arc::new(mcp_servers(&config, &self.env, &self.paths))
        };
        Self {
            config,
            by_agent: Arc::new(Mutex::new(by_agent)),
            mcp,
            ..self.clone()
        }
    }

    /// All tools that an agent may have; the config chooses among them.
    pub(crate) async fn tools(&self, agent: &str) -> Registry {
        let mut by_agent = self.by_agent.lock().await;
        let own = if let Some(known) = by_agent.get(agent) {
            known.clone()
        } else {
            let made = self.made(agent).await;
            by_agent.insert(agent.to_owned(), made.clone());
            // They begin with this run; who is late is there in the next turn.
            self.mcp.ready(MCP).await;
            made
        };
        // Of two with one name, the first counts.
        let mut names = BTreeSet::new();
        let all = own.into_iter().chain(self.mcp.offer().tools);
        let all = all.filter(|tool| names.insert(tool.manifest().tool.name.clone()));
        Registry::new(all).unwrap_or_default()
    }

    async fn made(&self, agent: &str) -> Vec<Arc<dyn Tool>> {
        let settings = self.config.assistant(agent);
        let mut tools: Vec<Arc<dyn Tool>> = vec![
            Arc::new(ResultTool::new(self.store.clone())),
            Arc::new(Recall::new(self.store.clone())),
            Arc::new(Spawn::default()),
        ];
        if let Some(files) = self.files(&settings).await {
            tools.extend(files.tools());
            if settings.tools.exec.security != Some(ExecSecurity::Deny) {
                tools.extend(Exec::new(files, exec(&settings, &self.env)).tools());
            }
        }
        tools.extend(self.memory(&settings).await);
        let ports = Arc::new(Ports(self.store.clone()));
        let timers: Arc<dyn Timers> = ports.clone();
        tools.push(Arc::new(Remind::new(
            timers,
            clock::person(&self.config, &self.env),
            RemindSettings::default(),
        )));
        tools.push(Arc::new(SendMessage::new(ports)));
        tools.extend(web::tools(fetch(&settings), search(&settings)));
        tools
    }

    /// Tools for the memory. It is searched by words: nothing makes embeddings yet.
    async fn memory(&self, settings: &AssistantSettings) -> Vec<Arc<dyn Tool>> {
        let said = &settings.memory;
        if !said.enabled || !said.notes {
            return Vec::new();
        }
        let workspace = folder(&self.env, &self.paths, settings);
        // One index for each folder of notes.
        let name = format!("{:x}", Sha256::digest(workspace.as_os_str().as_encoded_bytes()));
        let index = self.paths.state_dir.join("memory").join(format!("{name}.sqlite"));
        let mut kept = MemorySettings::new(workspace, index);
        kept.extra.clone_from(&said.extra_paths);
        let count = |number: u32| number as usize;
        kept.piece = (
            said.chunk.0.map_or(kept.piece.0, count),
            said.chunk.1.map_or(kept.piece.1, count),
        );
        #[expect(clippy::cast_possible_truncation, reason = "weights between 0 and 1")]
        let weight = |number: f64| number as f32;
        kept.least_likeness = said.min_score.map_or(kept.least_likeness, weight);
        kept.words = said.hybrid.enabled;
        kept.meaning_weight = weight(said.hybrid.vector_weight);
        kept.words_weight = weight(said.hybrid.text_weight);
        kept.candidates = count(said.hybrid.candidates);
        kept.most_results = said.max_results.map_or(kept.most_results, count);
        let zone = clock::person(&self.config, &self.env);
        let opened = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(kept.index.parent()?).ok()?;
            Memory::open(kept, zone, None).ok()
        });
        let memory = opened.await.ok().flatten();
        memory.map_or_else(Vec::new, |memory| memory.tools())
    }

    /// Tools for files. When the workspace cannot be used there are none, which `yabby prompt` shows.
    async fn files(&self, settings: &AssistantSettings) -> Option<Files> {
        let home = self.env.get(vars::HOME).map(PathBuf::from);
        let workspace = folder(&self.env, &self.paths, settings);
        let openclaw = self
            .paths
            .openclaw_config
            .parent()
            .map(PathBuf::from)
            .unwrap_or_default();
        let skills = SkillsSettings::places(&workspace, home.as_deref(), &openclaw, &self.config.skills.folders);
        let skills = skills
            .into_iter()
            .filter(|place| !place.starts_with(&workspace) && place.is_dir())
            .collect::<Vec<_>>()
            .into_iter();
        let named = settings.tools.roots.iter().map(|root| FileRoot {
            path: root.path.clone(),
            access: if root.read_only {
                RootAccess::Read
            } else {
                RootAccess::Write
            },
        });
        let read = skills.map(|path| FileRoot {
            path,
            access: RootAccess::Read,
        });
        let settings = FileSettings {
            workspace,
            home,
            // Notes that are searched as the owner's; there is a tool of its own that knows whose words it writes.
            protected: vec!["/memory".to_owned()],
            roots: if settings.tools.workspace_only {
                read.collect()
            } else {
                named.chain(read).collect()
            },
            ..FileSettings::default()
        };
        let versions = self.paths.state_dir.join("versions");
        let opened = tokio::task::spawn_blocking(move || {
            let versions = FolderVersions::open(versions, VersionLimits::default()).ok()?;
            Files::open(&settings, Arc::new(versions)).ok()
        });
        opened.await.ok().flatten()
    }
}

/// The MCP servers of the config, which begin now.
pub(crate) fn mcp_servers(config: &Config, env: &Environment, paths: &Paths) -> Servers {
    let servers = config.mcp.iter().map(|server| {
        let transport = match &server.transport {
            McpTransport::Program {
                command,
                args,
                env,
                folder,
            } => mcp::McpTransport::Program {
                command: command.clone(),
                args: args.clone(),
                env: env.clone(),
                folder: folder.clone(),
            },
            McpTransport::Http { url, headers } => mcp::McpTransport::Http {
                url: url.to_string(),
                headers: headers.clone(),
            },
        };
        mcp::McpServer {
            connect: server.connect,
            timeout: server.timeout,
            parallel: server.parallel,
            include: server.include.clone(),
            exclude: server.exclude.clone(),
            ..mcp::McpServer::new(server.name.clone(), transport)
        }
    });
    let settings = McpSettings {
        servers: servers.collect(),
        home: env.get(vars::HOME).map(PathBuf::from),
        ..McpSettings::default()
    };
    Servers::open(settings, Arc::new(FolderPins::new(paths.state_dir.join("mcp"))))
}

fn exec(settings: &AssistantSettings, env: &Environment) -> ExecSettings {
    let (said, usual) = (&settings.tools.exec, ExecSettings::default());
    let path = said.path.iter().map(|folder| folder.display().to_string());
    ExecSettings {
        path: path.chain([usual.path]).collect::<Vec<_>>().join(":"),
        home: env.get(vars::HOME).map(PathBuf::from),
        // A turn does not wait longer; what takes its time goes into the background.
        timeout: said.timeout.min(Duration::from_mins(10)),
        ..ExecSettings::default()
    }
}

fn fetch(settings: &AssistantSettings) -> web::FetchSettings {
    let said = &settings.tools.fetch;
    let usual = web::FetchSettings::default();
    web::FetchSettings {
        // Hosts that must never be reached cannot be told apart yet.
        enabled: said.enabled && said.reach.never.is_empty(),
        max_chars: said.max_chars.unwrap_or(said.max_chars_cap) as usize,
        max_bytes: said.max_bytes as usize,
        timeout: said.timeout,
        cache_ttl: said.cache,
        max_redirects: said.max_redirects as usize,
        user_agent: said.user_agent.clone().unwrap_or(usual.user_agent),
        hosts: said.reach.hosts.iter().filter_map(|host| host.parse().ok()).collect(),
        benchmark_range: said.reach.benchmark,
        unique_local_range: said.reach.unique_local,
        ..web::FetchSettings::default()
    }
}

fn search(settings: &AssistantSettings) -> web::SearchSettings {
    let said = &settings.tools.search;
    let searxng = said.searxng.as_ref().map(|base_url| {
        Provider::Searxng(Searxng {
            base_url: base_url.clone(),
            categories: said.categories.clone(),
            language: said.language.clone(),
        })
    });
    let brave = said
        .brave
        .as_ref()
        .map(|key| Provider::Brave(Brave::new(key.secret.clone())));
    let provider = match said.provider.as_deref() {
        Some("searxng") => searxng,
        Some("brave") => brave,
        Some(_) => None,
        None => searxng.or(brave),
    };
    web::SearchSettings {
        enabled: said.enabled,
        provider,
        max_results: said.max_results as usize,
        timeout: said.timeout,
        cache_ttl: said.cache,
    }
}
