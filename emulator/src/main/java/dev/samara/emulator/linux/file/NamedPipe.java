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
 * A pipe with a name. The name is an empty file of the host, which stays open so that no other file gets its number.
 * The bytes are there while somebody has the pipe open, and are gone after that, as in Linux.
 */
public final class NamedPipe {
    private FileStatus last;
    private final Channel held;
    private final Set<Path> names = new LinkedHashSet<>();
    private @Nullable Pipe pipe;

    /**
     * Makes a pipe.
     *
     * @param host the path of the file that stands for its name
     * @param first the status of the file
     * @param held the file, open
     */
    NamedPipe(Path host, FileStatus first, Channel held) {
        names.add(host);
        last = first;
        this.held = held;
    }

    /** Returns the named pipe that an open file is an end or the place of; null for others. */
    public static @Nullable NamedPipe ofOpen(GuestFile open) {
        return open instanceof NamedPipeEnd end
                ? end.named()
                : open instanceof NamedPipePlace place ? place.named() : null;
    }

    /** Returns the paths of its names, as far as the guest has made and changed them. */
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

    /** A name, or a folder above names, was renamed. */
    synchronized void moved(Path from, Path to) {
        List<Path> old = names.stream().filter(name -> name.startsWith(from)).toList();
        for (Path name : old) {
            names.remove(name);
            names.add(to.resolve(from.relativize(name)));
        }
    }

    /**
     * The last name is gone. Ends that are open keep the pipe.
     *
     * @param before the status of its file until now
     */
    synchronized void forget(FileStatus before) throws IOException {
        last = before;
        close();
    }

    /** The emulator ends. */
    synchronized void close() throws IOException {
        names.clear();
        held.close();
    }

    /** Returns the status of the pipe; the last one, without a name, if it has none that is known. */
    public synchronized FileStatus status() {
        Path name = name();
        FileStatus now = name == null ? null : statusAt(name);
        return now == null ? last.asPipe().withoutNames() : now.asPipe();
    }

    /** Returns where the host has the pipe; null if all its names are gone. */
    public synchronized @Nullable Path name() {
        for (Path name : names) {
            if (statusAt(name) != null) {
                return name;
            }
        }
        return null;
    }

    /** Returns the status at a name; null if a process of the host has changed that. */
    private @Nullable FileStatus statusAt(Path name) {
        try {
            FileStatus now = FileStatus.of(name, false);
            return now.isSame(last) ? now : null;
        } catch (IOException gone) {
            return null;
        }
    }

    /**
     * A pipe with one more end.
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

    /** Adds an end, of a new pipe if nobody has this one open; returns null if there are as many pipes as may be. */
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
