// SPDX-License-Identifier: Apache-2.0

/**
 * The sources of all modules as one, for the static checks alone: a sealed class and those that extend it are in one.
 */
module dev.samara.lint {
    requires java.se;
    requires jdk.jfr;
    requires jdk.management;
    requires jdk.compiler;
    requires jdk.unsupported;
}
