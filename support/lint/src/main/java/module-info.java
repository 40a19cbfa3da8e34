// SPDX-License-Identifier: Apache-2.0

/**
 * The sources of all modules as one module, only for the static checks. A sealed class must be in the same module as
 * its subclasses.
 */
module dev.samara.lint {
    requires java.se;
    requires jdk.jfr;
    requires jdk.management;
    requires jdk.compiler;
    requires jdk.unsupported;
}
