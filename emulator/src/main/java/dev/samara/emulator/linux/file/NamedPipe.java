// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.io.IOException;
import java.nio.channels.Channel;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A named pipe. An empty host file stands for it. That file stays open, so that no other file gets its inode number. As
 * on Linux, the bytes are lost when nobody has the pipe open any more.
 */
public final class NamedPipe {
    private FileStatus last;
    private final Channel held;
    private final Set<Path> names = new LinkedHashSet<>();
    private @Nullable Pipe pipe;

    /**
     * Creates a pipe.
     *
     * @param host the path of the file that stands for its name
     * @param first the status of the file
     * @param held an open channel to the file
     */
    NamedPipe(Path host, FileStatus first, Channel held) {
        names.add(host);
        last = first;
        this.held = held;
    }

    /** Returns the named pipe if the open file is an end of one or its {@link NamedPipePlace}; null otherwise. */
    public static @Nullable NamedPipe ofOpen(GuestFile open) {
        return open instanceof NamedPipeEnd end
                ? end.named()
                : open instanceof NamedPipePlace place ? place.named() : null;
    }

    /** Returns the host paths of the pipe's names, as the guest created and changed them. */
    synchronized List<Path> names() {
        return List.copyOf(names);
    }

    synchronized int nameCount() {
        return names.size();
    }

    synchronized void linked(Path name) {
        names.add(name);
    }

    synchronized void unlinked(Path name) {
        names.remove(name);
    }

    /** Called after a name of the pipe, or a directory above one, was renamed. */
    synchronized void moved(Path from, Path to) {
        List<Path> old = names.stream().filter(name -> name.startsWith(from)).toList();
        for (Path name : old) {
            names.remove(name);
            names.add(to.resolve(from.relativize(name)));
        }
    }

    /**
     * Called after the last name was removed. Ends that are open keep the pipe alive.
     *
     * @param before the status of the pipe's file before the removal
     */
    synchronized void forget(FileStatus before) throws IOException {
        last = before;
        close();
    }

    /** Closes the pipe's file and forgets its names. */
    synchronized void close() throws IOException {
        names.clear();
        held.close();
    }

    /** Returns the status of the pipe. If no name of the pipe is known, returns its last status with 0 names. */
    public synchronized FileStatus status() {
        Path name = name();
        FileStatus now = name == null ? null : statusAt(name);
        return now == null ? last.asPipe().withoutNames() : now.asPipe();
    }

    /** Returns the host path of one of the pipe's names; null if all its names were removed. */
    public synchronized @Nullable Path name() {
        for (Path name : names) {
            if (statusAt(name) != null) {
                return name;
            }
        }
        return null;
    }

    /**
     * Returns the status of the pipe's file at a name; null if a process of the host has removed the name or put
     * another file there.
     */
    private @Nullable FileStatus statusAt(Path name) {
        try {
            FileStatus now = FileStatus.of(name, false);
            return now.isSame(last) ? now : null;
        } catch (IOException gone) {
            return null;
        }
    }

    /**
     * The result of adding an end to a pipe.
     *
     * @param pipe the pipe
     * @param opens see {@link Pipe#join}
     */
    public record JoinedPipe(Pipe pipe, long opens) {}

    /** Adds a writer if there is a reader; returns null if there is none. */
    public synchronized @Nullable JoinedPipe addWriterIfRead() {
        Pipe known = pipe;
        return known != null && known.addWriterIfRead() ? new JoinedPipe(known, Pipe.HAS_PARTNER) : null;
    }

    /**
     * Adds an end. If nobody has the pipe open, first creates a new, empty {@link Pipe} for it. Returns null if the
     * maximum number of pipes is reached.
     */
    public synchronized @Nullable JoinedPipe join(boolean reads, boolean writes, PipeCount pipes) {
        Pipe known = pipe;
        long opens = known == null ? Pipe.HAS_ENDED : known.join(reads, writes);
        if (known == null || opens == Pipe.HAS_ENDED) {
            known = Pipe.named(pipes);
            if (known == null) {
                return null;
            }
            pipe = known;
            opens = known.join(reads, writes);
        }
        return new JoinedPipe(known, opens);
    }
}
