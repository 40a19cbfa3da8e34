// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import static java.util.Map.entry;

import dev.samara.core.mman.Advice;
import dev.samara.core.mman.LockFlags;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.mman.ShmFlags;
import dev.samara.core.mman.SyncFlags;
import java.util.Map;

/** Parses the words of recordings for flags and advice. */
final class FlagNames {
    /** The flags of {@code mmap}. */
    private static final Map<String, Integer> MMAP = Map.ofEntries(
            entry("SHARED", MapFlags.SHARED),
            entry("PRIVATE", MapFlags.PRIVATE),
            entry("SHARED_VALIDATE", MapFlags.SHARED_VALIDATE),
            entry("DROPPABLE", MapFlags.DROPPABLE),
            entry("FIXED", MapFlags.FIXED),
            entry("ANONYMOUS", MapFlags.ANONYMOUS),
            entry("32BIT", MapFlags.BELOW_2G),
            entry("ABOVE4G", MapFlags.ABOVE_4G),
            entry("GROWSDOWN", MapFlags.GROWSDOWN),
            entry("DENYWRITE", MapFlags.DENYWRITE),
            entry("EXECUTABLE", MapFlags.EXECUTABLE),
            entry("LOCKED", MapFlags.LOCKED),
            entry("NORESERVE", MapFlags.NORESERVE),
            entry("POPULATE", MapFlags.POPULATE),
            entry("NONBLOCK", MapFlags.NONBLOCK),
            entry("STACK", MapFlags.STACK),
            entry("HUGETLB", MapFlags.HUGETLB),
            entry("SYNC", MapFlags.MAP_SYNC),
            entry("FIXED_NOREPLACE", MapFlags.FIXED_NOREPLACE),
            entry("UNINITIALIZED", MapFlags.UNINITIALIZED));

    private static final Map<String, Integer> MREMAP = Map.of(
            "MAYMOVE", RemapFlags.MAYMOVE,
            "FIXED", RemapFlags.MREMAP_FIXED,
            "DONTUNMAP", RemapFlags.DONTUNMAP);

    private static final Map<String, Integer> MSYNC = Map.of(
            "ASYNC", SyncFlags.ASYNC,
            "INVALIDATE", SyncFlags.INVALIDATE,
            "SYNC", SyncFlags.SYNC);

    private static final Map<String, Integer> SHMAT = Map.of(
            "RDONLY", ShmFlags.RDONLY,
            "RND", ShmFlags.RND,
            "REMAP", ShmFlags.REMAP,
            "EXEC", ShmFlags.SHM_EXEC);

    private static final Map<String, Integer> MLOCK2 = Map.of("ONFAULT", LockFlags.ONFAULT);

    private static final Map<String, Integer> MLOCKALL = Map.of(
            "CURRENT", LockFlags.CURRENT,
            "FUTURE", LockFlags.FUTURE,
            "ONFAULT", LockFlags.ALL_ONFAULT);

    private static final Map<String, Integer> ADVICE = Map.ofEntries(
            entry("NORMAL", Advice.NORMAL),
            entry("RANDOM", Advice.RANDOM),
            entry("SEQUENTIAL", Advice.SEQUENTIAL),
            entry("WILLNEED", Advice.WILLNEED),
            entry("DONTNEED", Advice.DONTNEED),
            entry("FREE", Advice.FREE),
            entry("REMOVE", Advice.REMOVE),
            entry("DONTFORK", Advice.DONTFORK),
            entry("DOFORK", Advice.DOFORK),
            entry("MERGEABLE", Advice.MERGEABLE),
            entry("UNMERGEABLE", Advice.UNMERGEABLE),
            entry("HUGEPAGE", Advice.HUGEPAGE),
            entry("NOHUGEPAGE", Advice.NOHUGEPAGE),
            entry("DONTDUMP", Advice.DONTDUMP),
            entry("DODUMP", Advice.DODUMP),
            entry("WIPEONFORK", Advice.WIPEONFORK),
            entry("KEEPONFORK", Advice.KEEPONFORK),
            entry("COLD", Advice.COLD),
            entry("PAGEOUT", Advice.PAGEOUT),
            entry("POPULATE_READ", Advice.POPULATE_READ),
            entry("POPULATE_WRITE", Advice.POPULATE_WRITE),
            entry("DONTNEED_LOCKED", Advice.DONTNEED_LOCKED),
            entry("COLLAPSE", Advice.COLLAPSE),
            entry("HWPOISON", 100),
            entry("SOFT_OFFLINE", 101),
            entry("GUARD_INSTALL", Advice.GUARD_INSTALL),
            entry("GUARD_REMOVE", Advice.GUARD_REMOVE));

    private static final String TYPE = "TYPE";
    private static final String RIGHTS = "rwx";

    /** A bit that is unknown to all of these calls. */
    private static final int UNKNOWN = 0x200000;

    private FlagNames() {}

    static int mmap(Fields fields) throws InputException {
        return flags(fields, MMAP);
    }

    static int mremap(Fields fields) throws InputException {
        return flags(fields, MREMAP);
    }

    static int msync(Fields fields) throws InputException {
        return flags(fields, MSYNC);
    }

    static int shmat(Fields fields) throws InputException {
        return flags(fields, SHMAT);
    }

    static int mlock2(Fields fields) throws InputException {
        return flags(fields, MLOCK2);
    }

    static int mlockall(Fields fields) throws InputException {
        return flags(fields, MLOCKALL);
    }

    /** Returns the value of {@code advice=}. */
    static int advice(Fields fields) throws InputException {
        String text = fields.text("advice");
        Integer named = ADVICE.get(text);
        return named != null ? named : (int) number(fields, text);
    }

    /** Returns the value of {@code prot=}, which is three letters followed by other bits. */
    static int protection(Fields fields) throws InputException {
        String text = fields.text("prot");
        String[] words = text.split("\\|", -1);
        if (words[0].length() != RIGHTS.length()) {
            throw fields.fault("prot=" + text + " does not start with rwx or -");
        }
        long bits = 0;
        for (int i = 0; i < RIGHTS.length(); i++) {
            char letter = words[0].charAt(i);
            if (letter == RIGHTS.charAt(i)) {
                bits |= 1L << i;
            } else if (letter != '-') {
                throw fields.fault("prot=" + text + " does not start with rwx or -");
            }
        }
        for (int i = 1; i < words.length; i++) {
            bits |= number(fields, words[i]);
        }
        return narrow(bits);
    }

    private static int flags(Fields fields, Map<String, Integer> names) throws InputException {
        long bits = 0;
        for (String word : fields.text("flags").split("\\|", -1)) {
            Integer named = names.get(word);
            if (named != null) {
                bits |= named;
            } else if (word.startsWith(TYPE)) {
                bits |= number(fields, word.substring(TYPE.length()));
            } else {
                bits |= number(fields, word);
            }
        }
        return narrow(bits);
    }

    private static long number(Fields fields, String word) throws InputException {
        try {
            return Notation.ABSOLUTE.parse(word);
        } catch (NumberFormatException e) {
            throw fields.fault("'" + word + "' is no flag, advice or number that " + fields.name() + " has");
        }
    }

    /**
     * Narrows flags to the library's 32 bits. A higher bit is replaced with {@link #UNKNOWN}, because both are unknown
     * to all of these calls.
     */
    private static int narrow(long bits) {
        return (int) bits | (bits >>> Integer.SIZE != 0 ? UNKNOWN : 0);
    }
}
