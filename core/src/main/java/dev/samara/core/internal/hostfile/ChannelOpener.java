// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.util.Set;

/** Opens channels of paths. Tests install a different opener. */
@FunctionalInterface
public interface ChannelOpener {
    /** Opens a file for reading, and for writing if the options contain {@code WRITE}. */
    HostChannel open(Path path, Set<OpenOption> options) throws IOException;
}
