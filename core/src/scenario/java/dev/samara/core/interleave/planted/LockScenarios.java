// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.interleave.scenario.MemoryChannel;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.hostfile.HostChannel;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Host files that are locked against other processes, concurrently with other opens in this process. */
final class LockScenarios {
    /** Empty files. Each run uses another one, because a failed run may leave its file open. */
    private static final List<Path> PATHS =
            Stream.generate(LockScenarios::makePath).limit(10).toList();

    private static final AtomicInteger RUNS = new AtomicInteger();

    private LockScenarios() {}

    private static Path makePath() {
        try {
            Path made = Files.createTempFile("locked", ".file");
            made.toFile().deleteOnExit();
            return made;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** A host on which a process loses its lock on a file when it closes any descriptor of the file ({@code fcntl}). */
    private static final class PosixHost {
        private final MemoryChannel bytes = new MemoryChannel("host", new byte[0], Integer.MAX_VALUE);
        private final AtomicBoolean isLocked = new AtomicBoolean();
        private final AtomicInteger descriptors = new AtomicInteger();

        HostChannel open() {
            descriptors.incrementAndGet();
            return new Descriptor(this);
        }
    }

    private record Descriptor(PosixHost host) implements HostChannel {
        @Override
        public int read(ByteBuffer target, long offset) throws IOException {
            return host.bytes.read(target, offset);
        }

        @Override
        public int write(ByteBuffer source, long offset) throws IOException {
            return host.bytes.write(source, offset);
        }

        @Override
        public void force() throws IOException {
            host.bytes.force();
        }

        @Override
        public long size() throws IOException {
            return host.bytes.size();
        }

        @Override
        public boolean tryLock(boolean isShared) {
            return host.isLocked.compareAndSet(false, true);
        }

        @Override
        public void truncate(long size) throws IOException {
            host.bytes.truncate(size);
        }

        @Override
        public void close() {
            host.descriptors.decrementAndGet();
            host.isLocked.set(false);
        }
    }

    /** One open acquires a lock, and keeps it until it is closed, regardless of the other open. */
    private abstract static class LockBesideOpen extends Calls {
        private Path path = PATHS.get(0);
        private @Nullable PosixHost host;
        private @Nullable HostFile locked;

        LockBesideOpen(OpenOption... lock) {
            calls().put("lock", (state, cpu) -> {
                locked = open(state, lock);
                return locked == null ? "refused" : "locked";
            });
            calls().put("open", (state, cpu) -> {
                HostFile plain = open(state, StandardOpenOption.READ);
                if (plain == null) {
                    return "refused";
                }
                plain.close();
                return "closed";
            });
        }

        private PosixHost host() {
            return Objects.requireNonNull(host, "before the beginning");
        }

        /**
         * Opens the file; returns null if it may not be opened now, because it is being locked, or because an open
         * without a lock exists.
         */
        private @Nullable HostFile open(State state, OpenOption... options) {
            try {
                return state.machine.openFile(path, LINUX, options);
            } catch (MmException refused) {
                if (refused.errno() != Errno.EBUSY) {
                    throw refused;
                }
                return null;
            }
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            path = PATHS.get(RUNS.getAndIncrement() % PATHS.size());
            locked = null;
            PosixHost made = new PosixHost();
            host = made;
            MachineInternals.hostFiles(state.machine).openBy((opened, options) -> made.open());
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            HostFile kept = locked;
            if (kept == null) {
                return;
            }
            boolean isLocked = host().isLocked.get();
            kept.close();
            if (!isLocked) {
                throw new AssertionError("the lock was lost");
            }
            if (host().isLocked.get()) {
                throw new AssertionError("the lock was kept");
            }
        }

        @Override
        protected void judgeClosed() {
            if (host().descriptors.get() != 0) {
                throw new AssertionError(host().descriptors + " descriptors are open");
            }
        }
    }

    /** The lock excludes all other processes. */
    static final class ExclusiveLockBesideOpen extends LockBesideOpen {
        ExclusiveLockBesideOpen() {
            super(StandardOpenOption.WRITE, HostFileOption.EXLOCK);
        }
    }

    /** The lock is shared. */
    static final class SharedLockBesideOpen extends LockBesideOpen {
        SharedLockBesideOpen() {
            super(StandardOpenOption.READ, HostFileOption.SHLOCK);
        }
    }
}
