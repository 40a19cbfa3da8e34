// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import picocli.CommandLine.IVersionProvider;

/** Provides the version in the manifest of the jar. */
final class JarVersion implements IVersionProvider {
    JarVersion() {}

    @Override
    public String[] getVersion() {
        String version = SamaraCommand.class.getPackage().getImplementationVersion();
        return new String[] {"samara " + (version == null ? "(not run from its jar)" : version)};
    }
}
