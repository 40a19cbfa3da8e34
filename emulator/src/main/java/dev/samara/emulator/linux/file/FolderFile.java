// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;

/** An open directory of the host. If another program renamed it, it counts as deleted. */
public final class FolderFile extends GuestFolder {
    private final OpenedName name;
    private final GuestNames names;

    /** The path of the directory on the host; valid during a call of {@link #entries}. */
    private Path host = Path.of("");

    /**
     * Opens a directory.
     *
     * @param path its path
     * @param flags bits of {@link OpenFlags}
     * @param room counts the names that all open directories together may still cache
     * @param name the name by which it was opened
     * @param names the names, which its monitor guards
     */
    public FolderFile(String path, int flags, Semaphore room, OpenedName name, GuestNames names) {
        super(path, flags, room);
        this.name = name;
        this.names = names;
    }

    @Override
    public long sync() {
        return 0;
    }

    @Override
    public OpenedName openedName() {
        return name;
    }

    @Override
    public FileStatus status() {
        return name.status();
    }

    @Override
    long entries(ByteBuffer target) {
        synchronized (names) {
            Path found = name.host();
            if (found == null) {
                return LinuxErrno.ENOENT;
            }
            host = found;
            return fill(target);
        }
    }

    @Override
    List<String> readNames() throws IOException {
        List<String> found = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(host)) {
            for (Path each : all) {
                if (found.size() > GuestLimits.FOLDER_NAMES) {
                    // More names than may be cached, so reading the rest would only fill the heap.
                    break;
                }
                found.add(HostNames.text(each.getFileName()));
            }
        }
        return found;
    }

    @Override
    FileStatus statusOf(String entry) {
        try {
            return FileStatus.of(entry.equals("..") ? host : HostNames.below(host, entry), false);
        } catch (IOException deleted) {
            return FileStatus.of(0, 1, 0);
        }
    }
}
