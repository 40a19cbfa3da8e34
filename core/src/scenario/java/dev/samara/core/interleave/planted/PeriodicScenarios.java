// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.HostGroundFile;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.hostfile.HostFiles;
import dev.samara.core.internal.hostfile.PeriodicRounds;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Periodic writes of host files, concurrent with other calls. */
final class PeriodicScenarios {
    private PeriodicScenarios() {}

    private static HostFiles files(State state) {
        return MachineInternals.hostFiles(state.machine);
    }

    private static String round(State state) {
        PeriodicRounds.writeAll(files(state));
        return "written";
    }

    /** A save concurrent with a periodic write of its page. */
    static final class SavedBesideRound extends HostFileScenarios.Saved {
        SavedBesideRound() {
            super("round", (state, cpu) -> round(state));
        }
    }

    /** A periodic write concurrent with a truncation. */
    static final class TruncatedBesideRound extends HostFileScenarios.Truncated {
        TruncatedBesideRound() {
            super("round", (state, cpu) -> round(state));
        }
    }

    /** A file is opened, or its last open ends, concurrently with a periodic write. */
    private abstract static class Opened extends Calls {
        private @Nullable HostGroundFile file;

        HostGroundFile host() {
            return Objects.requireNonNull(file, "before the beginning");
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            file = (HostGroundFile) Ground.HOST_FILE.file(state);
            state.space.mmap(AT, PAGE, RW, HostFileScenarios.SHARED, host().backing(), 0);
            store(cpu, AT, 7);
            host().file().close();
        }

        @Override
        protected void judgeClosed() {
            if (host().channel.open() != 0 || host().channel.forcedNumber(0) != 7) {
                throw new AssertionError(host().channel.open() + " channels are open, and the device has "
                        + host().channel.forcedNumber(0));
            }
        }
    }

    /** The last mapping of a file without opens ends concurrently with a periodic write. */
    static final class LastCloseBesideRound extends Opened {
        LastCloseBesideRound() {
            calls().put("munmap", munmap(AT, PAGE));
            calls().put("round", (state, cpu) -> round(state));
        }
    }

    /**
     * A file is opened for writing, concurrently with a round that finds no such file: a later round must be scheduled.
     */
    static final class OpenBesideLastRound extends Opened {
        private @Nullable HostFile opened;

        OpenBesideLastRound() {
            calls().put("round", (state, cpu) -> {
                PeriodicRounds.round(files(state));
                return "written";
            });
            calls().put("open", (state, cpu) -> {
                opened = host().open();
                return "opened";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            files(state).writeEvery(Duration.ofDays(1).toNanos());
            super.prepare(state, cpu);
            state.space.munmap(AT, PAGE);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            boolean comes = PeriodicRounds.isBegun(files(state));
            Objects.requireNonNull(opened, "not opened").close();
            if (!comes) {
                throw new AssertionError("a file is open for writing, and no round will come");
            }
        }
    }
}
