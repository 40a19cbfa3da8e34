// SPDX-License-Identifier: Apache-2.0
/**
 * The web pages of the project: {@link dev.samara.site.SiteBuild} writes a page for each Markdown file, and the javadoc
 * of the published modules.
 *
 * <p>The path of a page is the path of its file, so relative links stay valid. A link to a Markdown file becomes a link
 * to its page, and any other linked file is copied. Headings have the same ids as on code hosts. A broken link fails
 * the build.
 */
@NullMarked
package dev.samara.site;

import org.jspecify.annotations.NullMarked;
