//! Why one of RMM's own functions on hosts has ended its step, exactly as the function prints it (`clients/tools`).

use crate::domain::fault::tool::{DiskOf, Holder, Left, OwnerCommands, Room, Taken, TakenBeside, ToolFault, Unwell};

/// Where a program failed and said nothing.
pub(in crate::wording) const SILENT: &str = "git ended without a word";
/// The user of a step, where the host knows no name.
pub(in crate::wording) const NAMELESS: &str = "of this step";

const HEALTH_OF_ITS_OWN: &str = "If that is as it should be, give the surface a `health` of its own.";

/// A sentence.
pub(in crate::wording) fn tool(fault: &ToolFault) -> String {
    use ToolFault as F;
    match fault {
        F::CertificatesNotWritten { file } => {
            format!("the certificates of repository_ca cannot be written to {file}; look at the disk and at TMPDIR")
        }
        F::GitMissing => "git was not found on this host; install it, or put it into the PATH of the step".to_owned(),
        F::NoAddress { repository } => {
            format!("{repository} is no address of a repository; change `repository` of the service")
        }
        F::DeadLink { folder } => format!(
            "{folder} is a symbolic link that leads to no folder; make the folder that it names, or change `directory`"
        ),
        F::NotAFolder { folder } => format!(
            "{folder} is not a folder, so nothing can be checked out there; move it away, or change `directory`"
        ),
        F::FolderNotMade { folder, said, user } => format!(
            "the folder {folder} cannot be made ({}); make it, and give it to the user {}",
            words(said),
            name(user)
        ),
        F::FolderNotWritten { folder, user } => {
            format!("the folder {folder} cannot be written by the user {}; give it to that user", name(user))
        }
        F::FolderNotEntered { folder } => {
            format!("the directory {folder} cannot be entered, so the command was not run.")
        }
        F::OtherOwner { folder, user, commands } => {
            let remedy = commands.as_ref().map_or_else(
                || "change `directory`".to_owned(),
                |OwnerCommands { give, trust }| format!("as root: `{give}`, or `{trust}`"),
            );
            format!("{folder} belongs to another user than {}, and git refuses to work there; {remedy}", name(user))
        }
        F::FolderNotMarked { folder, service, environment, file } => format!(
            "the folder {folder} cannot be marked as that of {service} on {environment}: {file} cannot be written; look whether \
             the disk is full"
        ),
        F::FolderHeld { folder, holder, by } => format!(
            "the folder {folder} is held by {}, so {} must not use it; give each a `directory` of its own; if {service} was \
             renamed, `was = \"{service}\"` carries its history over; if the folder is to be handed over, delete \
             {folder}/.git/rmm-place",
            title(holder),
            title(by),
            service = holder.service
        ),
        F::NotMadeRepository { folder, said } => {
            format!("{folder} cannot be made a git repository: {}", words(said))
        }
        F::GitAtWork { folder, process } => {
            format!("git is at work in {folder} (process {process}) and does not end; end it, then try again")
        }
        F::LockStays { lock } => {
            format!("the lock {lock} of a git that is gone cannot be removed; remove it, then try again")
        }
        F::NoRepository { folder } => {
            format!("{folder} is not a git checkout, and the service has no `repository`; give it one")
        }
        F::AddressNotNoted { folder, said } => {
            format!("the address of the repository cannot be noted in {folder}/.git: {}", words(said))
        }
        F::TagNotSet { tag, folder, said } => format!("the tag {tag} cannot be set in {folder}/.git: {}", words(said)),
        F::RepositoryNotRead { repository, said } => {
            format!("the repository {repository} could not be read: {}", words(said))
        }
        F::RepositoryNotTrusted { repository, said, user, command } => format!(
            "the repository {repository} could not be read: {}. It belongs to another user than {}, who runs the steps; let \
             that user's git trust it: `{command}`",
            words(said),
            name(user)
        ),
        F::CommitNotToBeHad { commit, repository, said } => {
            format!("the commit {commit} is not to be had from {repository}: {}", words(said))
        }
        F::CommitNotFetched { commit, folder, repository, said } => {
            format!("the commit {commit} is not in {folder} and cannot be fetched from {repository}: {}", words(said))
        }
        F::CloneNotMended { folder, repository, said } => format!(
            "the clone {folder}/.git is damaged, and {repository} cannot be read to mend it: {}; make that possible, or move \
             {folder} away, then try again",
            words(said)
        ),
        F::CloneLost { folder, repository, commit } => clone_lost(folder, repository, commit),
        F::CloneNotFetched { folder, repository, commit, said } => {
            clone_lost(folder, repository, &format!("{commit}: {}", words(said)))
        }

        F::NoRoom { disk, left } => {
            let disk = match disk {
                DiskOf::Folder(folder) => folder.clone(),
                DiskOf::Images(folder) => format!("docker's images ({folder})"),
            };
            let left = match left {
                Room::Space { free, wanted } => format!("has {free} free and a deploy wants {wanted}"),
                Room::Files { left } => format!("can hold {left} more files (inodes) and a deploy wants 1000"),
            };
            format!(
                "The disk of {disk} {left}, so nothing was touched; make room there, or set `min_free` of the surface lower."
            )
        }
        F::CloneNotWritten { folder, user } => format!(
            "{folder}/.git cannot be written; give it to the user {}, and look at its disk, then try again",
            name(user)
        ),
        F::CloneOnFullDisk { folder, left } => format!("{folder}/.git cannot be written{}", full(Some(left))),
        F::OutputMissing => "the disk of the host was full; from here on output is missing.".to_owned(),

        F::FilesInTheWay { folder, files } => format!(
            "the folder {folder} has files that git does not know and the release would overwrite{}; move them away or delete \
             them, then try again",
            named(files)
        ),
        F::WorkRefused { folder, files } => format!(
            "somebody has worked by hand in {folder}, and `dirty` is \"refuse\"{}; bring the work into the repository or take it \
             away, then try again",
            named(files)
        ),
        F::WorkNotKept { folder, said } => {
            format!("the work by hand in {folder} cannot be kept aside: {}; move it away, then try again", words(said))
        }
        F::FileNotMoved { file, to, left } => format!("{file} cannot be moved to {to}{}", full(left.as_ref())),

        F::NotCheckedOut { commit, folder, said, left } => {
            format!("{commit} cannot be checked out in {folder}: {}{}", words(said), full(left.as_ref()))
        }
        F::OtherCommit { folder, found, commit } => {
            format!("{folder} holds {found} after the checkout, not {commit}; look what else works in that folder")
        }
        F::FilesDiffer { folder, commit, files } => format!(
            "after the checkout these files in {folder} are not those of {commit}: {files}; look what writes them, and keep such \
             files out of the repository"
        ),
        F::SubmodulesUnnamed { commit, names } => format!(
            "{}: .gitmodules does not say where they come from; name them there (`git submodule add`), or take them out of the \
             repository (`git rm --cached`)",
            submodules(commit, names)
        ),
        F::SubmodulesLackCommit { commit, names, said } => format!(
            "{}: {}; their repositories lack that commit: push it there",
            submodules(commit, names),
            words(said)
        ),
        F::SubmodulesNotRead { commit, names, said } => {
            format!("{}: {}; let the host's user read their repositories", submodules(commit, names), words(said))
        }
        F::LfsMissing { commit, names, folder } => {
            large_files(commit, names, "git-lfs was not found on this host", folder)
        }
        F::LargeFilesNotRead { commit, names, said, folder } => large_files(commit, names, words(said), folder),

        F::ComposeMissing => {
            "docker has no plugin `compose` there; install it: sudo apt-get install docker-compose-plugin".to_owned()
        }
        F::VolumesLeft { project, folder, wanted } => format!(
            "volumes of the compose project {project}, which compose itself would choose in {folder}, are left on this host, and \
             no container tells whose they are; say it in rmm.toml: `project = \"{project}\"` goes on with them, `project = \
             \"{wanted}\"` begins with volumes of its own"
        ),
        F::ProjectTaken { project, folder } => format!(
            "The compose project {project} is that of containers in {folder}, which this deploy would replace, so none was \
             touched; give the surface a name of its own (`project = \"…\"` in rmm.toml), or remove them (docker compose -p \
             {project} down)."
        ),
        F::ComposedNameTaken { container, project, folder } => format!(
            "The container {container} of the compose files is already there, as that of the project {project} in {folder}, so \
             none was touched; give it a name of its own (`container_name` with ${{RMM_ENVIRONMENT}}, or none: compose makes \
             one of the project's), or remove it (docker rm -f {container})."
        ),
        F::ComposedReplaced { container, folder } => format!(
            "These commands have replaced the container {container}, which was that of {folder}; give each a container of its \
             own (`container_name` or `--name` with $RMM_ENVIRONMENT in it), and deploy what is in {folder} again."
        ),
        F::ProjectEntered { project, folder } => format!(
            "These commands have started containers in the compose project {project}, which is that of {folder}; give the \
             surface a project of its own (`project = \"…\"` in rmm.toml, or `-p` in its commands), and deploy what is in \
             {folder} again."
        ),
        F::NameTaken { container, holder } => format!(
            "The container {container}, which these commands name, is that of {}, so none was touched; {}, or remove it (docker rm \
             -f {container}).",
            title(holder),
            apart(holder)
        ),
        F::ContainersTaken { container, how, holder, beside, composed } => {
            let what = match how {
                Taken::Replaced => format!("These commands have replaced the container {container}, which was"),
                Taken::Removed => format!("While these commands ran, the container {container} was removed, which was"),
                Taken::Stopped => format!("While these commands ran, the container {container} was stopped, which is"),
            };
            let others: Vec<_> = beside.iter().map(taken_beside).collect();
            let others = if others.is_empty() { String::new() } else { format!(" (beside it: {})", others.join(", ")) };
            let remedy = if *composed {
                "let these commands stop and remove containers of their own only".to_owned()
            } else {
                apart(holder)
            };
            let Holder { service, environment, .. } = holder;
            let title = title(holder);
            format!("{what} that of {title}{others}; {remedy}, and deploy {service} on {environment} again.")
        }

        F::NotWell { containers } => {
            format!("Not well: {}.", containers.iter().map(unwell).collect::<Vec<_>>().join("; "))
        }
        F::DockerSilent { said } => format!(
            "Docker does not answer, so nothing tells that the containers are well: {}.",
            said.as_deref().unwrap_or("docker was not found")
        ),
        F::StillStarting { containers } => format!("Not well yet: still starting: {containers}."),
        F::NothingRuns { project } => {
            format!("Not well: no container of the compose project {project} runs. {HEALTH_OF_ITS_OWN}")
        }
        F::NoContainers { project } => {
            format!("Not well: the compose project {project} has no containers. {HEALTH_OF_ITS_OWN}")
        }
    }
}

/// One of the containers that were taken together with another.
pub(in crate::wording) fn taken_beside(other: &TakenBeside) -> String {
    match other {
        TakenBeside::Container { container, how, holder } => {
            let how = match how {
                Taken::Replaced => "replaced",
                Taken::Removed => "removed",
                Taken::Stopped => "stopped",
            };
            format!("{container} of {} was {how}", title(holder))
        }
        TakenBeside::Told(text) => text.clone(),
    }
}

/// One of the containers that are not well.
pub(in crate::wording) fn unwell(container: &Unwell) -> String {
    match container {
        Unwell::Unhealthy { name } => format!("{name} runs and is unhealthy, its HEALTHCHECK says"),
        Unwell::EndedWithPorts { name } => {
            format!("{name} has ended with exit status 0, and what publishes ports has to run")
        }
        Unwell::Ended { name, status } => format!("{name} has ended with exit status {status}"),
        Unwell::EndsAgain { name, status } => {
            format!("{name} ends again and again, the last time with exit status {status}")
        }
        Unwell::NeverStarted { name } => format!("{name} was made and never started"),
        Unwell::Is { name, state } => format!("{name} is {state}"),
        Unwell::StartedAgain { names } => format!("{names} ended and was started again within seconds"),
        Unwell::Told(text) => text.clone(),
    }
}

fn words(said: &Option<String>) -> &str {
    said.as_deref().unwrap_or(SILENT)
}

fn name(user: &Option<String>) -> &str {
    user.as_deref().unwrap_or(NAMELESS)
}

fn named(files: &Option<String>) -> String {
    files.as_ref().map(|files| format!(" ({files})")).unwrap_or_default()
}

fn title(Holder { service, environment, folder }: &Holder) -> String {
    format!("{service} on {environment}{}", named(folder))
}

/// What keeps containers apart.
fn apart(holder: &Holder) -> String {
    format!("give the container a name of its own in each environment (`--name {}-$RMM_ENVIRONMENT`)", holder.service)
}

fn clone_lost(folder: &str, repository: &str, commit: &str) -> String {
    format!(
        "the clone {folder}/.git is damaged, and what was checked out there cannot be fetched from {repository} ({commit}); make \
         that possible, or move {folder} away, then try again"
    )
}

fn submodules(commit: &str, names: &str) -> String {
    format!("the submodules of {commit} cannot be brought ({names})")
}

fn large_files(commit: &str, names: &str, said: &str, folder: &str) -> String {
    format!(
        "files of {commit} are only pointers of Git LFS ({names}): {said}; install git-lfs there and let its user read them, or \
         leave them out (git -C {folder} config lfs.fetchexclude '*')"
    )
}

/// What the disk has too little of, as the end of a sentence.
fn full(left: Option<&Left>) -> String {
    match left {
        Some(Left::Space(left)) => format!(": its disk has {left} left; make room there, then try again"),
        Some(Left::Files(left)) => {
            format!(": its disk can hold {left} more files (inodes); delete some there, then try again")
        }
        None => String::new(),
    }
}
