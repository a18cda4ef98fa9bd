//! Why one of RMM's own functions on hosts (`clients/tools`) has ended its step, as facts. A host tells it in a sentence;
//! `wording/read_back.rs` reads the facts from it, each as the host has written it.

use serde::{Deserialize, Serialize};

/// What was in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "`folder` and `file` are paths on the host, `repository` an address, `user` the one of the step (none: without a \
              name), `said` the words of a program (none: it had none)"
)]
pub enum ToolFault {
    // The folder and its repository.
    /// The certificates for git cannot be handed over.
    CertificatesNotWritten { file: String },
    /// There is no git.
    GitMissing,
    /// What is configured cannot be an address.
    NoAddress { repository: String },
    /// A symbolic link that leads nowhere.
    DeadLink { folder: String },
    /// Something else than a folder.
    NotAFolder { folder: String },
    /// It cannot be made.
    FolderNotMade { folder: String, said: Option<String>, user: Option<String> },
    /// It cannot be written.
    FolderNotWritten { folder: String, user: Option<String> },
    /// It cannot be entered.
    FolderNotEntered { folder: String },
    /// It is another user's; commands that give it to this one, or let its git work there, unless it is the machine's.
    OtherOwner { folder: String, user: Option<String>, commands: Option<OwnerCommands> },
    /// It cannot be marked as that of the service.
    FolderNotMarked { folder: String, service: String, environment: String, file: String },
    /// Another service, or another environment, holds it.
    FolderHeld { folder: String, holder: Holder, by: Holder },
    /// Git cannot make a repository of it.
    NotMadeRepository { folder: String, said: Option<String> },
    /// Another git is at work in it.
    GitAtWork { folder: String, process: String },
    /// A git that is gone has left a lock.
    LockStays { lock: String },
    /// It is no clone, and the service has no repository.
    NoRepository { folder: String },
    /// The clone cannot be told where it comes from.
    AddressNotNoted { folder: String, said: Option<String> },
    /// The clone cannot get the tag.
    TagNotSet { tag: String, folder: String, said: Option<String> },
    /// Git cannot read the repository.
    RepositoryNotRead { repository: String, said: Option<String> },
    /// The repository is another user's; the command that lets this one's git read it.
    RepositoryNotTrusted { repository: String, said: Option<String>, user: Option<String>, command: String },
    /// The repository does not give the commit.
    CommitNotToBeHad { commit: String, repository: String, said: Option<String> },
    /// Neither has the clone it.
    CommitNotFetched { commit: String, folder: String, repository: String, said: Option<String> },
    /// The clone is damaged, and its repository cannot be read.
    CloneNotMended { folder: String, repository: String, said: Option<String> },
    /// The clone is damaged, and what was checked out is lost.
    CloneLost { folder: String, repository: String, commit: String },
    /// It cannot be fetched.
    CloneNotFetched { folder: String, repository: String, commit: String, said: Option<String> },

    // Room.
    /// There is less than a deploy wants.
    NoRoom { disk: DiskOf, left: Room },
    /// Git's folder cannot be written.
    CloneNotWritten { folder: String, user: Option<String> },
    /// … since the disk is full.
    CloneOnFullDisk { folder: String, left: Left },
    /// The output of the step could not be kept.
    OutputMissing,

    // Work by hand.
    /// The release would overwrite files that git does not know.
    FilesInTheWay { folder: String, files: Option<String> },
    /// `dirty` is `refuse`.
    WorkRefused { folder: String, files: Option<String> },
    /// It cannot be set aside.
    WorkNotKept { folder: String, said: Option<String> },
    /// A file that is in the way stays there.
    FileNotMoved { file: String, to: String, left: Option<Left> },

    // The checkout.
    /// Git cannot do it.
    NotCheckedOut { commit: String, folder: String, said: Option<String>, left: Option<Left> },
    /// Something else has checked out another commit.
    OtherCommit { folder: String, found: String, commit: String },
    /// Something else writes files.
    FilesDiffer { folder: String, commit: String, files: String },
    /// Submodules without an address.
    SubmodulesUnnamed { commit: String, names: String },
    /// Their repositories do not have the commit.
    SubmodulesLackCommit { commit: String, names: String, said: Option<String> },
    /// Their repositories cannot be read.
    SubmodulesNotRead { commit: String, names: String, said: Option<String> },
    /// There is no git-lfs.
    LfsMissing { commit: String, names: String, folder: String },
    /// Large files cannot be had.
    LargeFilesNotRead { commit: String, names: String, said: Option<String>, folder: String },

    // Containers.
    /// Docker has no `compose`.
    ComposeMissing,
    /// Volumes of a project whose containers are gone, so that their folder is not known.
    VolumesLeft { project: String, folder: String, wanted: String },
    /// The project is that of another folder.
    ProjectTaken { project: String, folder: String },
    /// So is a container that the compose files name.
    ComposedNameTaken { container: String, project: String, folder: String },
    /// Commands have replaced a container of another folder.
    ComposedReplaced { container: String, folder: String },
    /// Commands have started containers in the project of another folder.
    ProjectEntered { project: String, folder: String },
    /// A container that the commands name is another service's.
    NameTaken { container: String, holder: Holder },
    /// Commands have taken containers of others; `composed`: compose had made the first.
    ContainersTaken { container: String, how: Taken, holder: Holder, beside: Vec<TakenBeside>, composed: bool },

    // Whether containers are well.
    /// Some are not.
    NotWell { containers: Vec<Unwell> },
    /// Docker does not answer; what it said, if it is there at all.
    DockerSilent { said: Option<String> },
    /// They take too long.
    StillStarting { containers: String },
    /// No container of the project runs.
    NothingRuns { project: String },
    /// The project has none.
    NoContainers { project: String },
}

/// What helps where a folder is another user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "both are commands")]
pub struct OwnerCommands {
    pub give: String,
    pub trust: String,
}

/// Whose a folder or a container is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of the glossary")]
pub struct Holder {
    pub service: String,
    pub environment: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// What is on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskOf {
    /// A folder.
    Folder(String),
    /// Docker's images.
    Images(String),
}

/// What a disk has, which is less than a deploy wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "amounts, with their units")]
pub enum Room {
    /// Room.
    Space { free: String, wanted: String },
    /// Files that it can still hold.
    Files { left: String },
}

/// What little is left on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// So much room.
    Space(String),
    /// So many files.
    Files(String),
}

/// What became of a container of another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// Another one has its name.
    Replaced,
    /// It is gone.
    Removed,
    /// It does not run any more.
    Stopped,
}

/// A container that was taken together with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the glossary")]
pub enum TakenBeside {
    /// Which, and whose.
    Container { container: String, how: Taken, holder: Holder },
    /// What there are no facts for, as it was printed.
    Told(String),
}

/// A container that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`name` is the container's, `status` that of its end")]
pub enum Unwell {
    /// Its own check says so.
    Unhealthy { name: String },
    /// It has ended well, although it publishes ports.
    EndedWithPorts { name: String },
    /// It has ended.
    Ended { name: String, status: String },
    /// It ends again and again.
    EndsAgain { name: String, status: String },
    /// It was made and never started.
    NeverStarted { name: String },
    /// Another state of Docker's.
    Is { name: String, state: String },
    /// They ended while they were looked at.
    StartedAgain { names: String },
    /// What there are no facts for, as it was printed.
    Told(String),
}

/// Makes the facts of a sample, by their names.
type Fact<'f> = &'f mut dyn FnMut(&'static str) -> String;

impl ToolFault {
    /// One of each kind, in each shape that its sentence can have: with and without what may be missing. Of a list there is
    /// one member without facts.
    #[must_use]
    pub fn shapes(fact: Fact<'_>) -> Vec<Self> {
        let mut shapes = Self::of_folders(fact);
        shapes.extend(Self::of_disks(fact));
        shapes.extend(Self::of_checkouts(fact));
        shapes.extend(Self::of_containers(fact));
        shapes
    }

    fn of_folders(f: Fact<'_>) -> Vec<Self> {
        use ToolFault as F;
        vec![
            F::CertificatesNotWritten { file: f("file") },
            F::GitMissing,
            F::NoAddress { repository: f("repository") },
            F::DeadLink { folder: f("folder") },
            F::NotAFolder { folder: f("folder") },
            F::FolderNotMade { folder: f("folder"), said: Some(f("said")), user: Some(f("user")) },
            F::FolderNotWritten { folder: f("folder"), user: Some(f("user")) },
            F::FolderNotEntered { folder: f("folder") },
            F::OtherOwner {
                folder: f("folder"),
                user: Some(f("user")),
                commands: Some(OwnerCommands { give: f("command"), trust: f("trust") }),
            },
            F::OtherOwner { folder: f("folder"), user: Some(f("user")), commands: None },
            F::FolderNotMarked {
                folder: f("folder"),
                service: f("service"),
                environment: f("environment"),
                file: f("file"),
            },
            F::FolderHeld { folder: f("folder"), holder: Holder::shape(f, false), by: Holder::shape(f, false) },
            F::NotMadeRepository { folder: f("folder"), said: Some(f("said")) },
            F::GitAtWork { folder: f("folder"), process: f("process") },
            F::LockStays { lock: f("file") },
            F::NoRepository { folder: f("folder") },
            F::AddressNotNoted { folder: f("folder"), said: Some(f("said")) },
            F::TagNotSet { tag: f("tag"), folder: f("folder"), said: Some(f("said")) },
            F::RepositoryNotRead { repository: f("repository"), said: Some(f("said")) },
            F::RepositoryNotTrusted {
                repository: f("repository"),
                said: Some(f("said")),
                user: Some(f("user")),
                command: f("trust"),
            },
            F::CommitNotToBeHad { commit: f("commit"), repository: f("repository"), said: Some(f("said")) },
            F::CommitNotFetched {
                commit: f("commit"),
                folder: f("folder"),
                repository: f("repository"),
                said: Some(f("said")),
            },
            F::CloneNotMended { folder: f("folder"), repository: f("repository"), said: Some(f("said")) },
            F::CloneLost { folder: f("folder"), repository: f("repository"), commit: f("commit") },
            F::CloneNotFetched {
                folder: f("folder"),
                repository: f("repository"),
                commit: f("commit"),
                said: Some(f("said")),
            },
        ]
    }

    fn of_disks(f: Fact<'_>) -> Vec<Self> {
        use ToolFault as F;
        let space = |f: Fact<'_>| Room::Space { free: f("free"), wanted: f("wanted") };
        let files = |f: Fact<'_>| Room::Files { left: f("files left") };
        vec![
            F::NoRoom { disk: DiskOf::Folder(f("folder")), left: space(f) },
            F::NoRoom { disk: DiskOf::Folder(f("folder")), left: files(f) },
            F::NoRoom { disk: DiskOf::Images(f("images")), left: space(f) },
            F::NoRoom { disk: DiskOf::Images(f("images")), left: files(f) },
            F::CloneNotWritten { folder: f("folder"), user: Some(f("user")) },
            F::CloneOnFullDisk { folder: f("folder"), left: Left::Space(f("free")) },
            F::CloneOnFullDisk { folder: f("folder"), left: Left::Files(f("files left")) },
            F::OutputMissing,
        ]
    }

    fn of_checkouts(f: Fact<'_>) -> Vec<Self> {
        use ToolFault as F;
        let (commit, folder, names, said) = ("commit", "folder", "names", "said");
        let mut shapes = vec![
            F::FilesInTheWay { folder: f(folder), files: Some(f(names)) },
            F::FilesInTheWay { folder: f(folder), files: None },
            F::WorkRefused { folder: f(folder), files: Some(f(names)) },
            F::WorkRefused { folder: f(folder), files: None },
            F::WorkNotKept { folder: f(folder), said: Some(f(said)) },
            F::OtherCommit { folder: f(folder), found: f("found"), commit: f(commit) },
            F::FilesDiffer { folder: f(folder), commit: f(commit), files: f(names) },
            F::SubmodulesUnnamed { commit: f(commit), names: f(names) },
            F::SubmodulesLackCommit { commit: f(commit), names: f(names), said: Some(f(said)) },
            F::SubmodulesNotRead { commit: f(commit), names: f(names), said: Some(f(said)) },
            F::LfsMissing { commit: f(commit), names: f(names), folder: f(folder) },
            F::LargeFilesNotRead { commit: f(commit), names: f(names), said: Some(f(said)), folder: f(folder) },
        ];
        for left in [None, Some(Left::Space(f("free"))), Some(Left::Files(f("files left")))] {
            shapes.push(F::FileNotMoved { file: f("file"), to: f("to"), left: left.clone() });
            shapes.push(F::NotCheckedOut { commit: f(commit), folder: f(folder), said: Some(f(said)), left });
        }
        shapes
    }

    fn of_containers(f: Fact<'_>) -> Vec<Self> {
        use ToolFault as F;
        let (container, project, folder) = ("container", "project", "folder");
        let mut shapes = vec![
            F::ComposeMissing,
            F::VolumesLeft { project: f(project), folder: f(folder), wanted: f("wanted project") },
            F::ProjectTaken { project: f(project), folder: f(folder) },
            F::ComposedNameTaken { container: f(container), project: f(project), folder: f(folder) },
            F::ComposedReplaced { container: f(container), folder: f(folder) },
            F::ProjectEntered { project: f(project), folder: f(folder) },
            F::NotWell { containers: vec![Unwell::Told(f("said"))] },
            F::DockerSilent { said: Some(f("said")) },
            F::DockerSilent { said: None },
            F::StillStarting { containers: f("names") },
            F::NothingRuns { project: f(project) },
            F::NoContainers { project: f(project) },
        ];
        for in_folder in [true, false] {
            shapes.push(F::NameTaken { container: f(container), holder: Holder::shape(f, in_folder) });
            for (how, composed, others) in Taken::ALL
                .iter()
                .flat_map(|how| [(*how, true, true), (*how, true, false), (*how, false, true), (*how, false, false)])
            {
                shapes.push(F::ContainersTaken {
                    container: f(container),
                    how,
                    holder: Holder::shape(f, in_folder),
                    beside: if others { vec![TakenBeside::Told(f("said"))] } else { Vec::new() },
                    composed,
                });
            }
        }
        shapes
    }
}

impl Holder {
    fn shape(fact: Fact<'_>, in_folder: bool) -> Self {
        Self { service: fact("service"), environment: fact("environment"), folder: in_folder.then(|| fact("folder")) }
    }
}

impl Taken {
    const ALL: [Self; 3] = [Self::Replaced, Self::Removed, Self::Stopped];
}

impl TakenBeside {
    /// As [`ToolFault::shapes`], without what has no facts.
    #[must_use]
    pub fn shapes(fact: Fact<'_>) -> Vec<Self> {
        let each = Taken::ALL.iter().flat_map(|how| [(*how, true), (*how, false)]);
        each.map(|(how, in_folder)| Self::Container {
            container: fact("container"),
            how,
            holder: Holder::shape(fact, in_folder),
        })
        .collect()
    }
}

impl Unwell {
    /// As [`ToolFault::shapes`], without what has no facts.
    #[must_use]
    pub fn shapes(fact: Fact<'_>) -> Vec<Self> {
        let name = "container";
        vec![
            Self::Unhealthy { name: fact(name) },
            Self::EndedWithPorts { name: fact(name) },
            Self::Ended { name: fact(name), status: fact("status") },
            Self::EndsAgain { name: fact(name), status: fact("status") },
            Self::NeverStarted { name: fact(name) },
            Self::Is { name: fact(name), state: fact("state") },
            Self::StartedAgain { names: fact("names") },
        ]
    }
}
