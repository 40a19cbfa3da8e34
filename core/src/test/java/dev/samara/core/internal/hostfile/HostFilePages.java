// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.HostFile;
import dev.samara.core.internal.file.FilePages;

/** Gives tests access to the pages of a host file, to evict and write them back one step at a time. */
public final class HostFilePages {
    private HostFilePages() {}

    /** Returns the pages of a file. */
    public static FilePages saved(HostFile file) {
        return ((OpenHostFile) file).inode.pages;
    }
}
