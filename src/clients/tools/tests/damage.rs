//! Stories of clones on a host that a power cut has damaged, told as those of `checkout`.

use super::checkout::tell;

/// Damages a clone with work by hand in it, deploys to it, or rolls back, and checks that all is there.
fn survives(damages: &str) {
    let story = r#"
tag v0; tag v1 'mkdir d; echo 1 >d/f; echo 1 >other'; tag v2 'echo 2 >d/f'
# TYPE TEXT: makes all objects of a type hold that.
spoil() {
    git cat-file --batch-check --batch-all-objects | sed -n "s/ $1 .*//p" | while read -r id; do
        object=objects/$(echo $id | cut -c 1-2)/${id#??}
        chmod u+w $object; printf "$2" >$object
    done
}
packs() { git gc -q; chmod u+w objects/pack/*; }
ours=
while IFS= read -r damage; do
    rm -rf place
    # In turn: a clone that RMM made, on the way there; one that a person made, on the way back.
    if [ -n "$ours" ]; then
        ours= way=back version=v0
        git clone -q --no-hardlinks origin place; git -C place checkout -q -B main v1; git -C place pack-refs --all
    else
        ours=1 way=go version=v2
        go v0; go v1
    fi
    echo hand >place/d/f; echo mine >place/mine; rm place/other
    (cd place/.git; eval "$damage") </dev/null
    echo "$way: $damage"
    says 'by hand: .* d/f' $way $version </dev/null
    case $damage in *silent) ;; *) echo "$said" | grep -qe 'is mended' -e 'is completed' -e 'is made anew' ;; esac
    has version $version; has mine mine; kept d/f hand
    git -C place rev-list --objects HEAD >/dev/null; quiet go $version </dev/null
done <<'END'
"#;
    tell(&format!("{story}{damages}\nEND"));
}

#[test]
fn damaged_objects_are_fetched_again_and_work_by_hand_is_kept() {
    survives(
        "find objects -type f | while read -r file; do chmod u+w $file; : >$file; done
        find objects -type f | while read -r file; do chmod u+w $file; truncate -s 9 $file; done
        spoil blob ''
        spoil commit ''
        packs; : >$(echo objects/pack/*.idx)
        packs; truncate -s 40 objects/pack/*.pack
        spoil tree garbage
        rm -rf objects",
    );
}

#[test]
fn damaged_names_are_told_anew_and_work_by_hand_is_kept() {
    survives(
        "printf garbage >packed-refs
        : >packed-refs
        find refs -type f | while read -r file; do : >$file; done
        rm -rf refs
        rm HEAD; mkdir HEAD
        : >HEAD; mkdir -p refs/rmm; : >refs/rmm/checked-out
        printf '\\0\\0\\0' >HEAD
        rm -rf objects refs packed-refs HEAD index",
    );
}

#[test]
fn other_damaged_files_of_a_clone_are_made_anew_and_work_by_hand_is_kept() {
    survives(
        ": >index
        printf garbage >index
        truncate -s 30 index
        printf '\\0\\0\\0' >config
        : >shallow
        rm index; mkdir index
        mkdir rmm-unfinished; rm -f rmm-place; mkdir rmm-place # silent
        : >config # silent",
    );
}

#[test]
fn a_damaged_clone_is_not_taken_for_a_repository_that_does_not_answer() {
    tell(
        "tag v1; tag v2; go v1; v1=$(id v1) v2=$(id v2)
        mv origin away; for object in place/.git/objects/??/*; do chmod u+w $object; : >$object; done
        fails 'the clone .*place/.git is damaged, and .*origin cannot be read to mend it' \\
            rmm_fetch \"$PWD/place\" --from \"$origin\" --tag v2 --commit $v2
        echo hand >place/version
        fails 'cannot be fetched' rmm_checkout \"$PWD/place\" --from \"$origin\" --tag v1 --commit $v1 --back
        has version hand
        mv away origin; back v1; has version v1; kept version hand",
    );
}

#[test]
fn the_way_back_needs_no_repository_where_only_the_version_that_it_leaves_is_damaged() {
    tell(
        "tag v1; tag v2 'echo new >new'; go v1; v1=$(id v1); go v2; mv origin away
        for id in $(git -C place rev-parse v2^{commit} v2^{tree}); do
            object=place/.git/objects/$(echo $id | cut -c 1-2)/${id#??}; chmod u+w $object; : >$object
        done
        commit=$v1; run rmm_checkout \"$PWD/place\" --from \"$origin\" --tag v1 --commit $v1 --back; right
        has version v1; kept version v2",
    );
}

#[test]
fn a_git_file_that_leads_nowhere_is_set_aside() {
    tell(
        "tag v1; tag v2; mkdir place; echo 'gitdir: /nowhere' >place/.git; echo mine >place/mine
        says 'leads to no repository' go v1; has mine mine; is 'gitdir: /nowhere' sh -c 'cat place/.git/rmm-damaged-*'
        quiet go v2
        # What is in the folder is work by hand there: the way there asks, the way back keeps it.
        rm -rf place/.git; ln -s nowhere place/.git
        fails 'files that git does not know and the release would overwrite (version)' there v1
        echo hand >place/version; back v1; has version v1; kept version hand",
    );
}

#[test]
fn a_damaged_clone_of_a_submodule_is_mended_or_begins_anew() {
    tell(
        r#"mkdir lib; (cd lib; git init -q; commit L1)
        tag v1 'git -c protocol.file.allow=always submodule --quiet add ../lib lib'
        (cd lib; commit L2); tag v2 'cd lib; git -c protocol.file.allow=always pull -q; cd ..'
        # TEXT: all objects hold that. They are shared with the repository, so they are replaced.
        spoil() { find objects -type f | while read -r file; do printf "$1" >new; mv -f new $file; done; }
        go v1; way=back
        for damage in 'spoil ""' 'spoil garbage' ': >HEAD' ': >index' 'printf garbage >packed-refs' 'rm -rf refs'; do
            [ $way = back ] && way=go version=v2 lib=L2 || { way=back version=v1 lib=L1; }
            (cd place/.git/modules/lib; eval "$damage")
            echo mine >place/lib/mine
            echo "$way: $damage"; $way $version; has lib/version $lib
            is mine sh -c 'cat place/lib/mine 2>/dev/null || cat place/.git/rmm-damaged-*/lib/mine'
            rm -rf place/.git/rmm-damaged-*; quiet go $version
        done"#,
    );
}

#[test]
fn of_damaged_clones_the_last_two_stay_and_are_told() {
    tell(
        r#"tag v1; go v1
        for n in 1 2 3 4; do mkdir -p place/.git/rmm-damaged-2000010${n}T000000Z/objects; done
        for file in $(find place/.git/objects -type f); do rm -f $file; printf garbage >$file; done
        says 'begins anew' there v1
        says 'what damaged clones held is kept in .*: .git/rmm-damaged-20000104T000000Z .git/rmm-damaged-2' there v1
        is 2 sh -c 'ls -d place/.git/rmm-damaged-* | wc -l'"#,
    );
}

#[test]
fn a_clone_with_long_ids_survives_the_loss_of_its_settings() {
    tell(
        "rm -rf origin; git init -q --object-format=sha256 origin; tag v1; tag v2; go v1
        for config in '' broken; do printf \"$config\" >place/.git/config; quiet go v2; quiet back v1; done",
    );
}

#[test]
fn words_of_doubt_about_other_things_are_no_damage() {
    tell(
        "tag v1; tag v2; go v1; v2=$(id v2); mkdir bin; real=$(command -v git); printf key >gitconfig
        printf '#!/bin/sh\\necho \"warning: unable to access the attributes of nobody\" >&2\\nexec %s \"$@\"\\n' $real >bin/git
        chmod +x bin/git; PATH=$PWD/bin:$PATH; export GIT_CONFIG_GLOBAL=$PWD/gitconfig
        for way in go back; do
            said=$($way v2 2>&1) || { echo \"$said\"; exit 1; }
            case $said in *mended* | *anew* | *completed*) echo \"$said\"; exit 1 ;; esac
        done
        printf '[broken' >gitconfig
        fails 'bad config' rmm_checkout \"$PWD/place\" --from \"$origin\" --tag v1 --commit $v2 --back
        test -s place/.git/config; test ! -e place/.git/config.broken",
    );
}
