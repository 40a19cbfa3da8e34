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
 * A channel of a path, and the identity of its file. The JDK cannot ask a channel for its file, so the path is checked
 * before and after the open. If another program replaced the file in between, as an editor does when it saves, the open
 * is retried. Otherwise the pages of one file would be found by the key of another. The caller is in a section of
 * {@link ProcessFiles}.
 *
 * @param channel the channel
 * @param look the file of the channel
 */
record PathOpen(HostChannel channel, HostPath.PathLook look) {
    /** How often a path is opened whose file was changed each time. A name may come or go without a new file there. */
    static final int ATTEMPTS = 16;

    /** How often a path is opened that had another file each time. */
    private static final int MOST = 1000;

    static PathOpen open(ChannelOpener opener, Path path, Set<OpenOption> options) throws IOException {
        Set<OpenOption> wanted = new HashSet<>(options);
        for (int attempt = 0; attempt < MOST; attempt++) {
            boolean creates =
                    wanted.contains(StandardOpenOption.CREATE) || wanted.contains(StandardOpenOption.CREATE_NEW);
            if (wanted.contains(StandardOpenOption.CREATE_NEW) && Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
                // Whatever it is: O_EXCL comes before the kind of the file, and follows no link.
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
                // Deleted immediately: created again.
                continue;
            } finally {
                if (!isTaken) {
                    // Of another file, perhaps one that is locked.
                    ProcessFiles.discard(channel);
                }
            }
            if (before == null) {
                // Created: the retry can check the path before it opens it.
                wanted.remove(StandardOpenOption.CREATE_NEW);
            }
        }
        throw HostPath.refusal(path.toString(), Errno.EBUSY, null);
    }
}
