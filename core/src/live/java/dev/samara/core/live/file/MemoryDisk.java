// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.interleave.scenario.MemoryChannel;
import dev.samara.core.internal.hostfile.HostChannel;
import dev.samara.core.internal.hostfile.HostChannel.ChannelOpener;
import dev.samara.interleave.failure.HostFault;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A file system in arrays, with a fault in one of its calls. For each of its files, a directory contains an empty file
 * of the same name, because the library checks a file before it opens it.
 */
final class MemoryDisk implements ChannelOpener {
    /** The maximum size of a file. */
    static final int MOST = 192 << 10;

    private static final int PAGE = Places.PAGE;

    /** The size of the first file. */
    private static final int FIRST = 3 * PAGE + 100;

    private static final int BALLAST = 64 * PAGE;

    private final Path folder;
    private final HostFault fault;
    private final Map<String, MemoryChannel> files = new LinkedHashMap<>();
    private final MemoryChannel ballast = new MemoryChannel("ballast", new byte[BALLAST], BALLAST);

    /** Creates a file system with only a file of some pages and an empty file. */
    MemoryDisk(Path folder, HostFault fault) throws IOException {
        this.folder = folder;
        this.fault = fault;
        for (int name = 0; name < Names.FILES; name++) {
            Files.deleteIfExists(folder.resolve(Names.of(name)));
        }
        byte[] content = new byte[FIRST];
        Pattern.of(0, FIRST).get(content);
        make(Names.of(0), content);
        make(Names.of(1), new byte[0]);
        if (!Files.exists(folder.resolve("ballast"))) {
            Files.createFile(folder.resolve("ballast"));
        }
    }

    private MemoryChannel make(String name, byte[] content) throws IOException {
        Files.createFile(folder.resolve(name));
        MemoryChannel made = new MemoryChannel(name, content, MOST);
        made.meet(fault);
        files.put(name, made);
        return made;
    }

    @Override
    public HostChannel open(Path path, Set<OpenOption> options) throws IOException {
        if (Files.isDirectory(path)) {
            // Of a folder, the library only forces the entries.
            return new MemoryChannel("folder", new byte[0], 0).opened();
        }
        String name = String.valueOf(path.getFileName());
        if (name.equals("ballast")) {
            return new OneAtATime(ballast.opened());
        }
        MemoryChannel file = files.get(name);
        if (file != null && options.contains(StandardOpenOption.CREATE_NEW)) {
            throw new FileAlreadyExistsException(name);
        }
        return new OneAtATime((file != null ? file : make(name, new byte[0])).opened());
    }

    /** Returns the file with a name, or null. */
    @Nullable
    MemoryChannel file(String name) {
        return files.get(name);
    }

    Collection<MemoryChannel> files() {
        return files.values();
    }
}
