// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.HostFiles;
import dev.samara.core.internal.hostfile.HostFilesCounts;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.Backing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * A host file as a {@link GroundFile}. Its bytes are in a {@link MemoryChannel}, which must contain all of them at the
 * end.
 */
public final class HostGroundFile implements GroundFile {
    /** An empty file, because a path that is opened must name an existing file. */
    private static final Path PATH = makePath();

    private static final List<Path> OTHERS =
            Stream.generate(HostGroundFile::makePath).limit(10).toList();

    public final MemoryChannel channel;
    private final State state;
    private final HostFile file;
    private final List<HostFile> others = new ArrayList<>();
    private boolean isClosed;

    HostGroundFile(State state, OpenOption... rules) {
        this.state = state;
        channel = new MemoryChannel(Ground.PAGES);
        HostFiles files = MachineInternals.hostFiles(state.machine);
        files.openBy((path, options) -> channel.opened());
        files.readUncachedFrom((int) SpaceScenario.PAGE);
        file = open(rules);
    }

    /** Creates a host file whose pages are read and written under the rules of hooks. */
    public static HostGroundFile hooked(State state, PageHooks hooks) {
        return new HostGroundFile(state, hooks);
    }

    /** Creates a host file with blocks of four pages. */
    public static HostGroundFile ofBlocks(State state) {
        return new HostGroundFile(state, HostFileOption.BLOCKS_16K);
    }

    private static Path makePath() {
        try {
            Path made = Files.createTempFile("host", ".file");
            made.toFile().deleteOnExit();
            return made;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Opens the file once more. The first open's channel serves all opens. */
    public HostFile open(OpenOption... rules) {
        List<OpenOption> options = new ArrayList<>(List.of(StandardOpenOption.READ, StandardOpenOption.WRITE));
        options.addAll(List.of(rules));
        return state.machine.openFile(PATH, SpaceScenario.LINUX, options.toArray(OpenOption[]::new));
    }

    /**
     * Opens the file once more, such that calls do not read pages into memory. This open is closed with the first one.
     */
    public HostFile openDirect() {
        HostFile direct = state.machine.openFile(
                PATH, SpaceScenario.LINUX, StandardOpenOption.READ, StandardOpenOption.WRITE, HostFileOption.DIRECT);
        others.add(direct);
        return direct;
    }

    /** Opens one of ten other files in turn, for reading. It is closed with this one. */
    public HostFile openAnother() {
        HostFile another = state.machine.openFile(
                OTHERS.get(others.size() % OTHERS.size()), SpaceScenario.LINUX, StandardOpenOption.READ);
        others.add(another);
        return another;
    }

    public HostFile file() {
        return file;
    }

    @Override
    public Backing backing() {
        return file;
    }

    private static void check(String call, long result) {
        if (result != 0) {
            throw new MmException(call, Errno.of(result));
        }
    }

    @Override
    public void truncate(long bytes) {
        check("truncate", file.truncate(bytes));
    }

    @Override
    public void punch(long offset, long length) {
        check("punch", file.punch(offset, length));
    }

    @Override
    public long pwrite(ByteBuffer source, long offset) {
        return file.pwrite(source, offset);
    }

    @Override
    public long pread(ByteBuffer target, long offset) {
        return file.pread(target, offset);
    }

    /**
     * Saves the file. If it returns 0, the earlier contents of each page are on the device, unless another call changed
     * the page since.
     */
    public long fsync() {
        return file.fsync();
    }

    /** Frees pages that may be freed, mapped or not; dirty pages are written if there are no clean ones. */
    public boolean evict() {
        return ((FilePages) Objects.requireNonNull(file.pageCache())).memory.reclaim();
    }

    /** Saves the file, and checks that the channel then contains its bytes. */
    @Override
    public void close() {
        if (isClosed) {
            return;
        }
        isClosed = true;
        others.forEach(HostFile::close);
        long saved = file.fsync();
        if (saved != 0) {
            throw new AssertionError("the last save has returned " + saved);
        }
        if (channel.length() != file.size()) {
            throw new AssertionError("the host has " + channel.length() + " bytes, the file " + file.size());
        }
        for (long page = 0; page * SpaceScenario.PAGE + Long.BYTES <= file.size(); page++) {
            String number = number(page * SpaceScenario.PAGE);
            if (!number.equals(Long.toString(channel.forcedNumber(page)))) {
                throw new AssertionError("page " + page + " has " + number + ", and " + channel.forcedNumber(page)
                        + " on the device, " + channel.number(page) + " in the host");
            }
        }
        file.close();
    }

    /** Returns how many mappings use the open; after it was closed, how many channels are still open. */
    @Override
    public int opens() {
        return isClosed ? channel.open() : HostFilesCounts.uses(file) - 1;
    }
}
