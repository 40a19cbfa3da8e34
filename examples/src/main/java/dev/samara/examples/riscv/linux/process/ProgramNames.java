// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.process;

import java.util.List;

/**
 * What a process is called.
 *
 * @param path the path of its file in the guest's file system
 * @param arguments its arguments
 */
public record ProgramNames(String path, List<String> arguments) {
    private static final int MOST = 15;

    /** The name of the command, as {@code /proc/self/comm} has it. */
    public String command() {
        String name = path.substring(path.lastIndexOf('/') + 1);
        return name.length() > MOST ? name.substring(0, MOST) : name;
    }
}
