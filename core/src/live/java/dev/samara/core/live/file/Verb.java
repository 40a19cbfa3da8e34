// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.live.file.Kind.ADVICE;
import static dev.samara.core.live.file.Kind.ANNOUNCED;
import static dev.samara.core.live.file.Kind.BLOCK;
import static dev.samara.core.live.file.Kind.CALL;
import static dev.samara.core.live.file.Kind.FIRST;
import static dev.samara.core.live.file.Kind.FLAGS;
import static dev.samara.core.live.file.Kind.FORCED;
import static dev.samara.core.live.file.Kind.LENGTH;
import static dev.samara.core.live.file.Kind.LIMIT;
import static dev.samara.core.live.file.Kind.MAPPING;
import static dev.samara.core.live.file.Kind.NAME;
import static dev.samara.core.live.file.Kind.OFFSET;
import static dev.samara.core.live.file.Kind.PAGES;
import static dev.samara.core.live.file.Kind.PROTECTION;
import static dev.samara.core.live.file.Kind.REGION;
import static dev.samara.core.live.file.Kind.SEED;
import static dev.samara.core.live.file.Kind.SIZE;
import static dev.samara.core.live.file.Kind.SLOT;
import static dev.samara.core.live.file.Kind.SPACE;
import static dev.samara.core.live.file.Kind.TO;
import static dev.samara.core.live.file.Kind.VALUE;
import static dev.samara.core.live.file.Kind.WATCHED;
import static dev.samara.core.live.file.Kind.WIDTH;

import java.util.List;
import java.util.Locale;

/** A verb of the language of files, with the kinds of its arguments. */
enum Verb {
    /**
     * Creates the machine: maximum pages in memory (0: no limit), force at close, full comparison after each step, and
     * the pages of a block with which files are opened (0, 4 or 16), if the limit permits blocks.
     */
    MACHINE(LIMIT, FORCED, WATCHED, BLOCK),
    /** Opens a name; see {@link OpenMode}. */
    OPEN(SLOT, NAME, Kind.MODE),
    CLOSE(SLOT),
    PREAD(SLOT, OFFSET, LENGTH),
    PWRITE(SLOT, OFFSET, LENGTH, SEED),
    APPEND(SLOT, LENGTH, SEED),
    TRUNCATE(SLOT, SIZE),
    GROW(SLOT, SIZE),
    PUNCH(SLOT, OFFSET, LENGTH),
    FSYNC(SLOT),
    SYNC_RANGE(SLOT, OFFSET, LENGTH, FLAGS),
    REVALIDATE(SLOT),
    MMAP(SPACE, REGION, SLOT, PROTECTION, MAPPING, OFFSET, PAGES),
    MUNMAP(SPACE, REGION, FIRST, PAGES),
    MPROTECT(SPACE, REGION, FIRST, PAGES, PROTECTION),
    LOAD(SPACE, REGION, OFFSET, WIDTH),
    STORE(SPACE, REGION, OFFSET, WIDTH, VALUE),
    MADVISE(SPACE, REGION, OFFSET, LENGTH, ADVICE),
    MSYNC(SPACE, REGION, OFFSET, LENGTH, FLAGS),
    /* Changes by another program. If announced, the file is saved before the change, and revalidated afterwards. */
    OTHER_WRITE(NAME, OFFSET, LENGTH, SEED, ANNOUNCED),
    OTHER_APPEND(NAME, LENGTH, SEED, ANNOUNCED),
    OTHER_TRUNCATE(NAME, SIZE, ANNOUNCED),
    OTHER_PUNCH(NAME, OFFSET, LENGTH, ANNOUNCED),
    CREATE(NAME),
    LINK(NAME, TO),
    SYMLINK(NAME, TO),
    RENAME(NAME, TO),
    UNLINK(NAME),
    /** Reads pages of another file, to evict pages of the script's files. */
    EVICT,
    /** Compares everything that is visible. */
    CHECK,
    /** Makes the first host call of a kind in the next step fail: 0 a read, 1 a write, 2 a force, 3 a truncation. */
    FAIL(CALL),
    /** Executes the step after the next step concurrently with the next step, during its first host call of a kind. */
    BESIDE(CALL),
    /** Fills the file system of the library's files up to a number of free pages. */
    FILL(PAGES),
    /** Frees the space again. */
    EMPTY;

    @SuppressWarnings("ImmutableEnumChecker") // List.of returns an immutable list.
    private final List<Kind> kinds;

    Verb(Kind... kinds) {
        this.kinds = List.of(kinds);
    }

    List<Kind> kinds() {
        return kinds;
    }

    /** Returns whether the verb is a change of a file's bytes by another program. */
    boolean isOther() {
        return this == OTHER_WRITE || this == OTHER_APPEND || this == OTHER_TRUNCATE || this == OTHER_PUNCH;
    }

    /** Returns the name in the text form. */
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
