// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;

/** The kind of a step's argument: its name in the text form, and the simpler values that shrinking tries. */
enum Kind {
    SLOT,
    NAME,
    TO,
    MODE,
    OFFSET,
    LENGTH,
    SIZE,
    SEED,
    FLAGS,
    SPACE,
    REGION,
    FIRST,
    PAGES,
    PROTECTION,
    MAPPING,
    WIDTH,
    VALUE,
    ADVICE,
    ANNOUNCED,
    LIMIT,
    FORCED,
    WATCHED,
    BLOCK,
    CALL;

    private static final long PAGE = 4096;

    /** Returns values that are simpler than a given value, the simplest value first. */
    Set<Long> simpler(long value) {
        Set<Long> simpler = new LinkedHashSet<>();
        switch (this) {
            case SLOT, NAME, TO, SPACE, REGION, FIRST, SEED, LIMIT, BLOCK, CALL -> simpler.add(0L);
            case MODE -> {
                simpler.add(0L);
                simpler.add(value % OpenMode.DIRECT);
            }
            case OFFSET, SIZE -> {
                simpler.add(0L);
                simpler.add(1L);
                simpler.add(PAGE);
                simpler.add(value & -PAGE);
                simpler.add(value % PAGE);
            }
            case WIDTH -> simpler.add(1L);
            case LENGTH, PAGES, VALUE -> {
                simpler.add(1L);
                simpler.add(PAGE);
                simpler.add(value & -PAGE);
            }
            case ANNOUNCED, FORCED, WATCHED -> simpler.add(1L);
            case PROTECTION -> simpler.add(3L);
            case FLAGS, MAPPING, ADVICE -> {
                // A different value would be a different call.
            }
        }
        simpler.removeIf(other -> Math.abs(other) >= Math.abs(value) && this != PROTECTION && !isSwitch());
        simpler.remove(value);
        return simpler;
    }

    private boolean isSwitch() {
        return this == ANNOUNCED || this == FORCED || this == WATCHED;
    }

    /** Returns the name in the text form. */
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
