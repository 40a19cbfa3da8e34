// SPDX-License-Identifier: Apache-2.0
/**
 * Web pages of the project: {@link dev.samara.site.SiteBuild} makes one of each Markdown file, and the javadoc of the
 * modules that users get.
 *
 * <p>A page stands where its file stands, so that relative links lead on. A link to a Markdown file becomes one to its
 * page, and any other file that is linked is copied. Headings have the ids that code hosts give them. A link that leads
 * nowhere fails the build.
 */
@NullMarked
package dev.samara.site;

import org.jspecify.annotations.NullMarked;
