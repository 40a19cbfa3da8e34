// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import dev.samara.core.mman.Advice;
import dev.samara.tool.record.MemoryCall.Foreign;
import java.util.Set;

/**
 * The calls that recordings contain, but that the library does not support.
 *
 * <p>Each call is classified by its effect if it succeeds. A call that does not change the layout can be skipped. After
 * any other call, the rest of the recording would describe a different layout.
 */
final class ForeignCalls {
    private static final int NO_KEY = -1;

    /**
     * {@code PR_SET_THP_DISABLE}, and the options that only read: {@code PR_GET_THP_DISABLE, _TAGGED_ADDR_CTRL, _MDWE,
     * _MEMORY_MERGE}.
     */
    private static final Set<Long> HARMLESS_PRCTLS = Set.of(41L, 42L, 56L, 66L, 68L);

    private static final long ASK_PERSONALITY = 0xffffffffL;
    private static final long READ_IMPLIES_EXEC = 0x0400000;

    /** Advice about the content of pages; any other advice changes flags. */
    private static final Set<Integer> CONTENT_ADVICE = Set.of(
            Advice.WILLNEED,
            Advice.DONTNEED,
            Advice.FREE,
            Advice.COLD,
            Advice.PAGEOUT,
            Advice.POPULATE_READ,
            Advice.POPULATE_WRITE,
            Advice.DONTNEED_LOCKED,
            Advice.COLLAPSE);

    private ForeignCalls() {}

    static MemoryCall parse(Fields fields) throws InputException {
        if (fields.name().equals("pkey_mprotect") && (int) fields.number("pkey") == NO_KEY) {
            return CallParser.mprotect(fields);
        }
        return new Foreign(fields.name(), changesLayout(fields));
    }

    private static boolean changesLayout(Fields fields) throws InputException {
        return switch (fields.name()) {
            case "pkey_mprotect" -> fields.number("len") != 0;
            case "pkey_alloc", "pkey_free" -> false;
            case "mbind" -> bindsMemory(fields);
            case "process_madvise" -> !isContentAdvice(fields);
            case "personality" -> makesReadableExecutable(fields);
            case "prctl" -> !HARMLESS_PRCTLS.contains(fields.number("option"));
            case "remap_file_pages", "io_setup", "io_destroy", "fork", "execve" -> true;
            default -> throw fields.fault("call '" + fields.name() + "' is unknown");
        };
    }

    /**
     * Returns whether {@code mbind} sets a memory policy, which prevents merges of VMAs. The removal of a policy has no
     * effect, because no policy was ever set.
     */
    private static boolean bindsMemory(Fields fields) throws InputException {
        String mode = fields.text("mode");
        return fields.number("len") != 0 && !mode.equals("0x0") && !mode.equals("0") && !mode.equals("DEFAULT");
    }

    private static boolean isContentAdvice(Fields fields) throws InputException {
        return fields.find("advice") != null && CONTENT_ADVICE.contains(FlagNames.advice(fields));
    }

    /**
     * Returns whether {@code personality} sets {@code READ_IMPLIES_EXEC}, the only personality that affects later
     * memory calls.
     */
    private static boolean makesReadableExecutable(Fields fields) throws InputException {
        String key = fields.firstKey();
        if (key == null) {
            return false;
        }
        long value = fields.number(key);
        return value != ASK_PERSONALITY && (value & READ_IMPLIES_EXEC) != 0;
    }
}
