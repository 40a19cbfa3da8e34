// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.interleave.scenario.GroundFile;
import dev.samara.core.interleave.scenario.MemoryChannel;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.hostfile.HostFiles;
import dev.samara.core.internal.hostfile.HostFilesCounts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Host files whose pages are kept after their last close, concurrently with opens and the end of the machine. */
final class KeptScenarios {
    /** Empty files: their bytes are in channels of memory. */
    private static final List<Path> PATHS =
            Stream.generate(KeptScenarios::makePath).limit(3).toList();

    private KeptScenarios() {}

    private static Path makePath() {
        try {
            Path made = Files.createTempFile("kept", ".file");
            made.toFile().deleteOnExit();
            return made;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** A machine that keeps one file. Each file contains the number 100 plus its index. */
    private abstract static class Kept extends Calls {
        private final List<MemoryChannel> channels = new ArrayList<>();

        /** Whether no other file can be opened as long as the first one has a channel. */
        boolean areDescriptorsShort;

        @Override
        protected final MachineBuilder builder() {
            return super.builder().keepClosedFiles(1);
        }

        @Override
        protected final boolean hasOrders() {
            return false;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            areDescriptorsShort = false;
            channels.clear();
            for (int i = 0; i < PATHS.size(); i++) {
                byte[] content = new byte[2 * (int) PAGE];
                content[0] = (byte) (100 + i);
                channels.add(new MemoryChannel("kept" + i, content, content.length));
            }
            HostFiles files = files(state);
            HostFilesCounts.advanceClock(files);
            files.openBy((path, options) -> {
                int at = PATHS.indexOf(path);
                if (areDescriptorsShort && at != 0 && channels.get(0).open() > 0) {
                    throw new IOException("Too many open files");
                }
                return channels.get(at).opened();
            });
        }

        static HostFiles files(State state) {
            return MachineInternals.hostFiles(state.machine);
        }

        static HostFile open(State state, int file) {
            return state.machine.openFile(PATHS.get(file), LINUX, StandardOpenOption.READ);
        }

        final int channels(int file) {
            return channels.get(file).open();
        }

        /** Fails unless an open has the bytes of its file. */
        static void judgeBytes(HostFile file, long expected) {
            ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES);
            long read = file.pread(bytes, 0);
            if (read != Long.BYTES || GroundFile.number(bytes) != expected) {
                throw new AssertionError(
                        "the file has " + expected + ", and " + read + " bytes were read, " + GroundFile.number(bytes));
            }
        }

        /** Ends all files, and fails if one is left. */
        final void judgeEnd(State state) {
            if (!files(state).close() || files(state).isInUse()) {
                throw new AssertionError("a file is left");
            }
            for (int i = 0; i < PATHS.size(); i++) {
                if (channels(i) != 0) {
                    throw new AssertionError(channels(i) + " channels of file " + i + " are open");
                }
            }
        }
    }

    /** The last close of a file, beside an open of the same path, which gets the pages, or reads them again. */
    static final class LastCloseBesideOpen extends Kept {
        private final List<HostFile> opens = new ArrayList<>();

        LastCloseBesideOpen() {
            calls().put("close", (state, cpu) -> {
                opens.get(0).close();
                return "closed";
            });
            calls().put("open", (state, cpu) -> {
                HostFile opened = open(state, 0);
                opens.add(opened);
                judgeBytes(opened, 100);
                return "opened";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            opens.clear();
            opens.add(open(state, 0));
            judgeBytes(opens.get(0), 100);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            if (HostFilesCounts.files(files(state)) != 1 || channels(0) != 1) {
                throw new AssertionError(channels(0) + " channels");
            }
            // Another file is kept, and no third one, so the open file would be closed if it counted as kept.
            for (int i = 1; i < PATHS.size(); i++) {
                open(state, i).close();
            }
            if (channels(0) != 1 || channels(1) != 0 || channels(2) != 1) {
                throw new AssertionError("channels: " + channels(0) + ' ' + channels(1) + ' ' + channels(2));
            }
            judgeBytes(opens.get(1), 100);
            opens.get(1).close();
            judgeEnd(state);
        }
    }

    /** A file is opened and closed beside the end of all files, after which none is kept. */
    static final class LastCloseBesideEnd extends Kept {
        LastCloseBesideEnd() {
            calls().put("use", (state, cpu) -> {
                open(state, 0).close();
                return "closed";
            });
            calls().put("end", (state, cpu) -> "" + files(state).close());
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            if (files(state).isInUse() || channels(0) != 0) {
                throw new AssertionError("a file is kept after the end of all files");
            }
            judgeEnd(state);
        }
    }

    /** Two opens find no descriptor until the kept file is closed. Both get one. */
    static final class TwoOpensWithoutDescriptor extends Kept {
        TwoOpensWithoutDescriptor() {
            for (int i = 1; i < PATHS.size(); i++) {
                int file = i;
                calls().put("open" + i, (state, cpu) -> {
                    HostFile opened = open(state, file);
                    judgeBytes(opened, 100 + file);
                    opened.close();
                    return "opened";
                });
            }
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            open(state, 0).close();
            areDescriptorsShort = true;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            judgeEnd(state);
        }
    }
}
