// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.lang.reflect.Field;

/** The periodic writes of a machine, one at a time and on the calling thread, for a scheduler. */
public final class PeriodicRounds {
    private static final Field BACKGROUND = field(HostFiles.class, "background");
    private static final Field BEGUN = field(PeriodicWrites.class, "isBegun");

    private PeriodicRounds() {}

    /** Writes what is dirty, as each round does. */
    public static void writeAll(HostFiles files) {
        files.writeAll();
    }

    /** Does what the timer does. */
    public static void round(HostFiles files) {
        background(files).round();
    }

    /** Returns whether a later round will come. */
    public static boolean isBegun(HostFiles files) {
        PeriodicWrites writes = background(files);
        synchronized (writes) {
            try {
                return BEGUN.getBoolean(writes);
            } catch (IllegalAccessException impossible) {
                throw new IllegalStateException(impossible);
            }
        }
    }

    private static PeriodicWrites background(HostFiles files) {
        try {
            return (PeriodicWrites) BACKGROUND.get(files);
        } catch (IllegalAccessException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static Field field(Class<?> of, String name) {
        try {
            Field field = of.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException renamed) {
            throw new ExceptionInInitializerError(renamed);
        }
    }
}
