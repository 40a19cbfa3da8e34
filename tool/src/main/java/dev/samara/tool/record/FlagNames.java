// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import static java.util.Map.entry;

import dev.samara.core.mman.Mman;
import java.util.Map;

/** Parses the words of recordings for flags and advice. */
final class FlagNames {
    /** The flags of {@code mmap}. */
    private static final Map<String, Integer> MMAP = Map.ofEntries(
            entry("SHARED", Mman.SHARED),
            entry("PRIVATE", Mman.PRIVATE),
            entry("SHARED_VALIDATE", Mman.SHARED_VALIDATE),
            entry("DROPPABLE", Mman.DROPPABLE),
            entry("FIXED", Mman.FIXED),
            entry("ANONYMOUS", Mman.ANONYMOUS),
            entry("32BIT", Mman.BELOW_2G),
            entry("ABOVE4G", Mman.ABOVE_4G),
            entry("GROWSDOWN", Mman.GROWSDOWN),
            entry("DENYWRITE", Mman.DENYWRITE),
            entry("EXECUTABLE", Mman.EXECUTABLE),
            entry("LOCKED", Mman.LOCKED),
            entry("NORESERVE", Mman.NORESERVE),
            entry("POPULATE", Mman.POPULATE),
            entry("NONBLOCK", Mman.NONBLOCK),
            entry("STACK", Mman.STACK),
            entry("HUGETLB", Mman.HUGETLB),
            entry("SYNC", Mman.MAP_SYNC),
            entry("FIXED_NOREPLACE", Mman.FIXED_NOREPLACE),
            entry("UNINITIALIZED", Mman.UNINITIALIZED));

    private static final Map<String, Integer> MREMAP = Map.of(
            "MAYMOVE", Mman.MAYMOVE,
            "FIXED", Mman.MREMAP_FIXED,
            "DONTUNMAP", Mman.DONTUNMAP);

    private static final Map<String, Integer> MSYNC = Map.of(
            "ASYNC", Mman.ASYNC,
            "INVALIDATE", Mman.INVALIDATE,
            "SYNC", Mman.SYNC);

    private static final Map<String, Integer> SHMAT = Map.of(
            "RDONLY", Mman.RDONLY,
            "RND", Mman.RND,
            "REMAP", Mman.REMAP,
            "EXEC", Mman.SHM_EXEC);

    private static final Map<String, Integer> MLOCK2 = Map.of("ONFAULT", Mman.ONFAULT);

    private static final Map<String, Integer> MLOCKALL = Map.of(
            "CURRENT", Mman.CURRENT,
            "FUTURE", Mman.FUTURE,
            "ONFAULT", Mman.ALL_ONFAULT);

    private static final Map<String, Integer> ADVICE = Map.ofEntries(
            entry("NORMAL", Mman.NORMAL),
            entry("RANDOM", Mman.RANDOM),
            entry("SEQUENTIAL", Mman.SEQUENTIAL),
            entry("WILLNEED", Mman.WILLNEED),
            entry("DONTNEED", Mman.DONTNEED),
            entry("FREE", Mman.FREE),
            entry("REMOVE", Mman.REMOVE),
            entry("DONTFORK", Mman.DONTFORK),
            entry("DOFORK", Mman.DOFORK),
            entry("MERGEABLE", Mman.MERGEABLE),
            entry("UNMERGEABLE", Mman.UNMERGEABLE),
            entry("HUGEPAGE", Mman.HUGEPAGE),
            entry("NOHUGEPAGE", Mman.NOHUGEPAGE),
            entry("DONTDUMP", Mman.DONTDUMP),
            entry("DODUMP", Mman.DODUMP),
            entry("WIPEONFORK", Mman.WIPEONFORK),
            entry("KEEPONFORK", Mman.KEEPONFORK),
            entry("COLD", Mman.COLD),
            entry("PAGEOUT", Mman.PAGEOUT),
            entry("POPULATE_READ", Mman.POPULATE_READ),
            entry("POPULATE_WRITE", Mman.POPULATE_WRITE),
            entry("DONTNEED_LOCKED", Mman.DONTNEED_LOCKED),
            entry("COLLAPSE", Mman.COLLAPSE),
            entry("HWPOISON", 100),
            entry("SOFT_OFFLINE", 101),
            entry("GUARD_INSTALL", Mman.GUARD_INSTALL),
            entry("GUARD_REMOVE", Mman.GUARD_REMOVE));

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
