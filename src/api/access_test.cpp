// Who may ask what: every route of the real table, every kind of key, place and origin.
#include <gtest/gtest.h>

#include "api/services.h"
#include "api/test/recorder.h"

namespace hearth::api {
namespace {

using testing::NoServer;
using testing::RecordingWriter;

class Routes : public ::testing::Test {
 protected:
  RecordingWriter ask(std::string method, std::string path, std::vector<Header> headers = {}, std::string body = "") {
    auto request = std::make_shared<Request>();
    request->method = std::move(method);
    request->path = std::move(path);
    request->headers = std::move(headers);
    request->body = std::move(body);
    if (request->header("host").empty()) request->headers.push_back({"Host", "localhost:8080"});
    const auto writer = std::make_shared<RecordingWriter>();
    make_router(access_, services_).handle(request, writer);
    EXPECT_EQ(writer->sent, 1) << request->path;
    return *writer;
  }
  static std::string sample(const Protocol& protocol) {
    std::string path(protocol.path);
    return path.ends_with("/*") ? path.substr(0, path.size() - 1) + "x" : path;
  }

  AccessOptions access_;
  Metrics metrics_;
  NoServer server_;
  std::unique_ptr<service::ModelLibrary> library_ = *service::ModelLibrary::open({}, {});
  Services services_{.library = *library_, .metrics = metrics_, .server = server_};
};

const Header kKey{"Authorization", "Bearer secret"}, kAdminKey{"Authorization", "Bearer admin"}, kWrong{"Authorization", "Bearer secreT"};

TEST_F(Routes, AllButHealthNeedAKey) {
  access_.keys = {"other", "secret"};
  access_.admin_keys = {"admin"};
  size_t open = 0, admin = 0;
  for (const Protocol* protocol : protocols()) {
    const std::string method(protocol->method), path = sample(*protocol);
    const bool is_open = path == "/health" || path == "/ready", is_admin = path.starts_with("/admin/");
    open += is_open;
    admin += is_admin;
    EXPECT_EQ(ask(method, path).status == 401, !is_open) << path;
    EXPECT_EQ(ask(method, path, {kWrong}).status == 401, !is_open) << path;
    EXPECT_EQ(ask(method, path, {{"Authorization", "Bearer "}}).status == 401, !is_open) << path;
    EXPECT_EQ(ask(method, path, {{"Authorization", "Basic secret"}}).status == 401, !is_open) << path;
    EXPECT_EQ(ask(method, path, {kKey}).status == 401, is_admin) << path;
    EXPECT_EQ(ask(method, path, {{"X-Api-Key", "secret"}}).status == 401, is_admin) << path;
    EXPECT_EQ(ask(method, path, {kAdminKey}).status == 401, !is_admin && !is_open) << path;
    EXPECT_EQ(ask("DELETE", path).status == 401, !is_open) << path;  // nor does another method tell that the path exists
  }
  EXPECT_EQ(open, 2u);
  EXPECT_EQ(admin, 3u);
  for (const char* path : {"/", "/v1", "/v1/", "/v1/nothing", "/health/", "/health/x", "/HEALTH", "/healthz", "//health", "/admin", "/v1/models/../../health"})
    EXPECT_EQ(ask("GET", path).status, 401) << path;
  EXPECT_EQ(ask("GET", "/nothing", {kKey}).status, 404);
  EXPECT_EQ(ask("GET", "/v1/completions").header("WWW-Authenticate"), "Bearer");
}

TEST_F(Routes, AdminIsOffWithoutAKeyOfItsOwn) {
  for (const Protocol* protocol : protocols())
    if (protocol->guard == Guard::kAdmin) {
      EXPECT_EQ(ask(std::string(protocol->method), sample(*protocol), {kKey}).status, 403) << protocol->name;
      EXPECT_EQ(ask(std::string(protocol->method), sample(*protocol)).status, 403) << protocol->name;
    }
}

TEST_F(Routes, OtherMethodsAreNamed) {
  const auto answer = ask("PUT", "/v1/completions");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("Allow"), "POST");
  EXPECT_EQ(ask("HEAD", "/health").status, 200);
}

TEST_F(Routes, HostMustBeTheServers) {
  access_.hosts = {"llm.example"};
  for (const char* host : {"localhost", "localhost:1", "127.0.0.1:8080", "127.1.2.3", "[::1]", "[::1]:8080", "LOCALHOST", "llm.example", "llm.example:443"})
    EXPECT_EQ(ask("GET", "/health", {{"Host", host}}).status, 200) << host;
  for (const char* host : {"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "127.evil.a.b", "llm.example.evil",
                           "[::2]:8080", "0.0.0.0", "xllm.example"})
    EXPECT_EQ(ask("GET", "/health", {{"Host", host}}).status, 403) << host;
  access_.checks_host = false;
  EXPECT_EQ(ask("GET", "/health", {{"Host", "any.example"}}).status, 200);
}

TEST_F(Routes, OriginsMustBeAllowed) {
  access_.origins = {"https://app.example"};
  EXPECT_EQ(ask("GET", "/health", {{"Origin", "http://localhost:8080"}}).status, 200);  // its own pages
  const auto allowed = ask("GET", "/health", {{"Origin", "https://app.example"}});
  EXPECT_EQ(allowed.status, 200);
  EXPECT_EQ(allowed.header("Access-Control-Allow-Origin"), "https://app.example");
  for (const char* origin : {"https://evil.example", "null", "http://app.example", "https://app.example.evil", "http://localhost:3000"}) {
    const auto refused = ask("GET", "/health", {{"Origin", origin}});
    EXPECT_EQ(refused.status, 403) << origin;
    EXPECT_EQ(refused.header("Access-Control-Allow-Origin"), "") << origin;
    EXPECT_EQ(ask("OPTIONS", "/v1/completions", {{"Origin", origin}, {"Access-Control-Request-Method", "POST"}}).status, 403) << origin;
  }
}

TEST_F(Routes, PreflightsNeedNoKeyAndGiveNoCredentials) {
  access_.keys = {"secret"};
  access_.origins = {"*"};
  const auto answer = ask("OPTIONS", "/v1/completions", {{"Origin", "https://any.example"}, {"Access-Control-Request-Method", "POST"}});
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(answer.header("Access-Control-Allow-Credentials"), "");
  EXPECT_NE(answer.header("Access-Control-Allow-Headers").find("x-api-key"), std::string::npos);
  for (const auto& [asked, granted] : {std::pair<std::string, std::string>{"authorization, x-stainless-os", "authorization, x-stainless-os"},
                                       {"a\r\nb", "authorization, content-type, x-api-key, x-request-id"}})
    EXPECT_EQ(ask("OPTIONS", "/v1/completions", {{"Origin", "https://any.example"}, {"Access-Control-Request-Method", "POST"},
                                                 {"Access-Control-Request-Headers", asked}}).header("Access-Control-Allow-Headers"), granted);
  EXPECT_EQ(ask("OPTIONS", "/v1/completions").status, 401);  // without a preflight's header it is a method like others
  EXPECT_EQ(ask("POST", "/v1/completions", {{"Origin", "https://any.example"}}).header("Access-Control-Allow-Origin"), "*");
}

TEST(Keys, AreFoundWherverTheyStand) {
  const KeySet keys({"a", "bb", "ccc"});
  for (const char* key : {"a", "bb", "ccc"}) EXPECT_TRUE(keys.contains(key)) << key;
  for (const char* key : {"", "b", "aa", "cccc", "A"}) EXPECT_FALSE(keys.contains(key)) << key;
  EXPECT_TRUE(KeySet({}).empty());
}

TEST(Keys, ClientsAreNamedWithoutTellingTheKey) {
  Request request;
  EXPECT_EQ(client_key(request), "");
  request.headers = {{"Authorization", "bearer secret"}};
  const std::string name = client_key(request);
  EXPECT_EQ(name, "2bb80d537b1da3e3");  // the first bytes of its SHA-256
  request.headers = {{"x-api-key", "secret"}};
  EXPECT_EQ(client_key(request), name);
}

}  // namespace
}  // namespace hearth::api
