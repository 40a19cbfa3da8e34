// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.record;

import dev.samara.examples.record.MemoryCall.Foreign;
import java.util.Set;

/**
 * The calls that recordings contain and the library does not have.
 *
 * <p>Each is judged by what it does if it succeeds. One that leaves the layout alone can be passed over; after one that
 * does not, the rest of the recording would describe another space.
 */
final class ForeignCalls {
    private static final int NO_KEY = -1;

    private static final int PR_SET_THP_DISABLE = 41;
    private static final Set<Long> ASKING_PRCTLS = Set.of(42L, 56L, 66L, 68L);

    private static final long ASK_PERSONALITY = 0xffffffffL;
    private static final long READ_IMPLIES_EXEC = 0x0400000;

    /** Advice about the content of pages, by name and number; the rest changes flags. */
    private static final Set<String> CONTENT_ADVICE = Set.of(
            "WILLNEED",
            "3",
            "DONTNEED",
            "4",
            "FREE",
            "8",
            "COLD",
            "20",
            "PAGEOUT",
            "21",
            "POPULATE_READ",
            "22",
            "POPULATE_WRITE",
            "23",
            "DONTNEED_LOCKED",
            "24",
            "COLLAPSE",
            "25");

    private ForeignCalls() {}

    static MemoryCall parse(Fields fields) throws InputException {
        return switch (fields.name()) {
            case "pkey_mprotect" ->
                (int) fields.number("pkey") == NO_KEY
                        ? CallParser.mprotect(fields)
                        : foreign(fields, fields.number("len") != 0);
            case "pkey_alloc", "pkey_free" -> foreign(fields, false);
            case "mbind" -> foreign(fields, bindsMemory(fields));
            case "process_madvise" -> foreign(fields, !isContentAdvice(fields));
            case "personality" -> foreign(fields, makesReadableExecutable(fields));
            case "prctl" -> foreign(fields, !isHarmlessPrctl(fields.number("option")));
            case "remap_file_pages", "io_setup", "io_destroy", "fork", "execve" -> foreign(fields, true);
            default -> throw fields.fault("call '" + fields.name() + "' is unknown");
        };
    }

    private static Foreign foreign(Fields fields, boolean changesLayout) {
        return new Foreign(fields.name(), changesLayout);
    }

    /** A memory policy keeps VMAs apart; taking one away that cannot be there does nothing. */
    private static boolean bindsMemory(Fields fields) throws InputException {
        String mode = fields.text("mode");
        return fields.number("len") != 0 && !mode.equals("0x0") && !mode.equals("0") && !mode.equals("DEFAULT");
    }

    private static boolean isContentAdvice(Fields fields) {
        String advice = fields.find("advice");
        return advice != null && CONTENT_ADVICE.contains(advice);
    }

    /** Of all personalities, only one that lets readable memory be executed is seen by later memory calls. */
    private static boolean makesReadableExecutable(Fields fields) throws InputException {
        String key = fields.firstKey();
        if (key == null) {
            return false;
        }
        long value = fields.number(key);
        return value != ASK_PERSONALITY && (value & READ_IMPLIES_EXEC) != 0;
    }

    private static boolean isHarmlessPrctl(long option) {
        return option == PR_SET_THP_DISABLE || ASKING_PRCTLS.contains(option);
    }
}
