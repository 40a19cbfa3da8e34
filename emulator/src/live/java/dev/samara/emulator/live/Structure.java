// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.nio.ByteBuffer;
import java.util.Locale;

/** A result in memory, and its text, without values that differ between runs and architectures. */
enum Structure {
    SIGINFO(128) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            int signal = found.getInt(0);
            String told = "signal " + signal + " code " + found.getInt(8);
            boolean isOfTimer = signal == 14 && found.getInt(8) > 0;
            if (!isOfTimer && signal != 0) {
                told += " from " + seen.process(found.getInt(16));
                told += signal == 17 && found.getInt(8) > 0
                        ? " status " + found.getInt(24)
                        : found.getInt(8) == -1 ? " value " + found.getLong(24) : "";
            }
            return told;
        }
    },
    /** {@code struct shmid64_ds}, without the members that a fork or the end of a process changes only in Linux. */
    SEGMENT(112) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            return String.format(
                    Locale.ROOT,
                    "%s owner %s %s mode %o size %d attached %d by %s",
                    found.getInt(0) == 0 ? "private" : "key",
                    owner(found.getInt(4), seen),
                    owner(found.getInt(12), seen),
                    found.getInt(20),
                    found.getLong(48),
                    found.getLong(88),
                    seen.process(found.getInt(80)));
        }
    },
    /** Numbers that are not compared. */
    ANY(512) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            return "given";
        }
    };

    private final int bytes;

    Structure(int bytes) {
        this.bytes = bytes;
    }

    int bytes() {
        return bytes;
    }

    abstract String told(ByteBuffer found, long result, SeenNumbers seen);

    private static String owner(int user, SeenNumbers seen) {
        return user == seen.user() ? "own" : Integer.toString(user);
    }
}
