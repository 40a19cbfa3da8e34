// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Set;

/**
 * A channel of a path, and the identity of its file. The JDK cannot determine the file of a channel, so the path is
 * checked before and after the open. If another program replaced the file in between, as an editor does when it saves,
 * the open is retried. Otherwise the pages of one file could be found under the key of another file. The caller is in a
 * section of {@link ProcessFiles}.
 *
 * @param channel the channel
 * @param look the file of the channel
 */
record PathOpen(HostChannel channel, HostPath.PathLook look) {
    /**
     * The number of attempts after which an open succeeds even if the file's status changed during each attempt,
     * provided that the path names the same file. Another program may add or remove names of the file without replacing
     * it.
     */
    static final int ATTEMPTS = 16;

    /** The maximum number of attempts if the path names a different file each time. */
    private static final int MOST = 1000;

    static PathOpen open(ChannelOpener opener, Path path, Set<OpenOption> options) throws IOException {
        Set<OpenOption> wanted = new HashSet<>(options);
        for (int attempt = 0; attempt < MOST; attempt++) {
            boolean creates =
                    wanted.contains(StandardOpenOption.CREATE) || wanted.contains(StandardOpenOption.CREATE_NEW);
            if (wanted.contains(StandardOpenOption.CREATE_NEW) && Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
                // Fails for any type of file, because O_EXCL is checked before the type, and does not follow symbolic
                // links.
                throw HostPath.refusal(path.toString(), Errno.EEXIST, null);
            }
            HostPath.PathLook before = HostPath.look(path, creates);
            HostChannel channel = opener.open(path, HostPath.withRead(wanted));
            boolean isTaken = false;
            try {
                HostPath.PathLook after = HostPath.look(path, false);
                if (before != null
                        && after != null
                        && (before.isSame(after) || (attempt >= ATTEMPTS && before.key.equals(after.key)))) {
                    if (after.identity.hasNoDevice() && !channel.isSizeRight()) {
                        throw HostPath.refusal(path.toString(), Errno.ENODEV, null);
                    }
                    isTaken = true;
                    return new PathOpen(channel, after);
                }
            } catch (NoSuchFileException gone) {
                if (!creates) {
                    throw gone;
                }
                // The new file was deleted immediately. The retry creates it again.
                continue;
            } finally {
                if (!isTaken) {
                    // The channel may belong to a different file, perhaps a locked one.
                    ProcessFiles.discard(channel);
                }
            }
            if (before == null) {
                // The file was created by this open. The retry can check the path before it opens the file.
                wanted.remove(StandardOpenOption.CREATE_NEW);
            }
        }
        throw HostPath.refusal(path.toString(), Errno.EBUSY, null);
    }
}
